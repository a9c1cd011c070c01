import CostModel
import Foundation
import Records
import Reports

/// Held-out errors of collectives: every other size, and each number of devices.
struct CollectiveStudy {
  func run() throws {
    var table = Table([
      ("device", .left), ("kernel", .left), ("held out", .left), ("rows", .right),
      ("median", .right), ("mean", .right), ("p90", .right), ("coverage", .right),
    ])
    for (name, folder) in CostStudy.tables {
      let rows = try CostStudy.measurements(folder, ["custom_allreduce", "nccl"]).collectives
      let limits = try DeviceZoo.resolve(name).limits
      let context = try DeviceContext(limits, weights: .bf16, cache: .bf16, isWarm: true)
      func study<Form: CostForm>(
        _ form: Form.Type, _ title: String, _ rows: [CollectiveTiming]
      ) where Form.Shape == CollectiveShape {
        let timings = rows.map {
          Timing(
            shape: $0.shape, seconds: $0.seconds, group: "\($0.shape.bytes)", origin: $0.origin)
        }
        let calibration = FamilyCalibration<Form>(context)
        func add(_ what: String, _ isHeld: (CollectiveShape) -> Bool) {
          let held = timings.filter { isHeld($0.shape) }
          let rest = timings.filter { !isHeld($0.shape) }
          guard !held.isEmpty, !rest.isEmpty else { return }
          let error = ErrorSummary(calibration.validated(fit: rest, predict: held))
          table.add([
            name, title, what, "\(error.rows)", Quantity.percent(error.median),
            Quantity.percent(error.mean), Quantity.percent(error.percentile90),
            Quantity.percent(error.coverage!),
          ])
        }
        let sizes = Set(timings.map(\.shape.bytes)).sorted()
        let odd = Set(sizes.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
        add("every other size") { odd.contains($0.bytes) }
        for devices in [2, 4, 8] { add("\(devices) devices") { $0.devices == devices } }
      }
      let engines = rows.filter(\.isEngines)
      study(
        PeerAllReduce.self, "engine's all-reduce",
        engines.filter { PeerAllReduce.runs($0.shape, context) })
      study(
        LibraryCollective.self, "NCCL",
        rows.filter { !$0.isEngines || !PeerAllReduce.runs($0.shape, context) })
    }
    print(table.rendered(.markdown) + "\n")
  }
}
