import CostModel
import Foundation
import Numerics
import Records
import Reports

/// How far whole runs are off when something of them was never checked: the engine, the number of
/// devices, the kernels of the device. What `IntervalBasis` widens by comes from here.
struct JumpStudy {
  private let runs: [WholeRun]

  init() throws {
    var measurements = Measurements()
    for name in ["llm-inference-bench.csv", "llm-inference-bench-multi-gpu.csv"] {
      try measurements.add(contentsOf: CostStudy.data("gpu-e2e/" + name))
    }
    runs = measurements.runs
  }

  func run() throws {
    var table = Table([
      ("never checked", .left), ("GPU", .left), ("engine", .left), ("rows", .right),
      ("mean", .right), ("bias", .right), ("deviation", .right),
    ])
    var pooled: [String: [Comparison]] = [:]
    for (hardware, device, other) in [
      ("A100", "a100-40gb", "h100-sxm"), ("H100", "h100-sxm", "a100-80gb"),
    ] {
      let own = try DeviceZoo.resolve(device)
      let nominal = DeviceProfile(name: own.name, limits: own.limits, sources: own.sources)
      let carried = try DeviceCalibration(nominal, from: [DeviceZoo.resolve(other)])
        .run(Measurements()).profile
      for engine in [ServingEngine.vllm2024, .tensorRT2024] {
        func add(_ what: String, _ comparisons: [Comparison]) {
          guard !comparisons.isEmpty else { return }
          pooled[what, default: []] += comparisons
          table.add([what, hardware, engine.name] + cells(comparisons))
        }
        let mine = runs.filter { $0.device.contains(hardware) && $0.engine == engine.name }
        for (what, profile) in [
          ("engine", own), ("engine and kernels, which are carried over", carried),
          ("engine and kernels, which are nominal", nominal),
        ] {
          let calibration = EndToEndCalibration(profile, engine)
          let rows = try calibration.rows(mine.filter { $0.devices == 1 }).rows
          add(what, calibration.compare(rows, calibration.prior.values))
        }
        let calibration = EndToEndCalibration(own, engine)
        let rows = try calibration.rows(mine).rows
        let fits = Dictionary(grouping: rows, by: \.run.devices).keys.sorted().map { count in
          (count, calibration.fit(rows.filter { $0.run.devices != count }))
        }
        for (count, fit) in fits where count > 1 {
          add(
            "number of devices, others were",
            calibration.compare(rows.filter { $0.run.devices == count }, fit))
        }
        let single = calibration.fit(rows.filter { $0.run.devices == 1 })
        add(
          "several devices, one was",
          calibration.compare(rows.filter { $0.run.devices > 1 }, single))
      }
    }
    for (what, comparisons) in pooled.sorted(by: { $0.key < $1.key }) {
      table.add([what, "all", "all"] + cells(comparisons))
    }
    print(table.rendered(.markdown) + "\n")
  }

  private func cells(_ comparisons: [Comparison]) -> [String] {
    let logs = comparisons.map { log($0.predicted / $0.measured) }
    // Of normal errors: a glitch in the data must not set the width.
    let deviation = 1.4826 * Quantiles.median(logs.map(abs))
    return [
      "\(comparisons.count)", Quantity.percent(ErrorSummary(comparisons).mean),
      Quantity.percent(exp(Moments.mean(logs)) - 1), Quantity.percent(deviation),
    ]
  }
}
