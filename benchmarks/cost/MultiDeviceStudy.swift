import CostModel
import Foundation
import Records
import Reports

/// Held-out errors of whole runs over several GPUs: each of the two models by fits to the other one's
/// runs and to those on one GPU of models with other layers.
struct MultiDeviceStudy {
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
      ("GPU", .left), ("engine", .left), ("held out", .left), ("devices", .right),
      ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right),
      ("bias", .right), ("coverage", .right),
    ])
    var pooled: [Int: [Comparison]] = [:]
    for (hardware, device) in [("A100", "a100-40gb"), ("H100", "h100-sxm")] {
      for engine in [ServingEngine.vllm2024, .tensorRT2024] {
        let calibration = EndToEndCalibration(try DeviceZoo.resolve(device), engine)
        let (rows, _) = try calibration.rows(
          runs.filter { $0.device.contains(hardware) && $0.engine == engine.name })
        for model in ["llama-2-7b", "llama-3-70b"] {
          let held = rows.filter { $0.run.architecture.name == model && $0.run.devices > 1 }
          let rest = rows.filter { $0.run.architecture.name != model }
          guard !held.isEmpty, !rest.isEmpty else { continue }
          let fit = calibration.fit(rest)
          for (devices, part) in Dictionary(grouping: held, by: \.run.devices).sorted(by: {
            $0.key < $1.key
          }) {
            let comparisons = calibration.compare(part, fit)
            pooled[devices, default: []] += comparisons
            add("\(devices)", comparisons, hardware, engine.name, model, &table)
          }
        }
      }
    }
    for (devices, comparisons) in pooled.sorted(by: { $0.key < $1.key }) {
      add("\(devices)", comparisons, "all", "all", "either", &table)
    }
    print(table.rendered(.markdown) + "\n")
  }

  private func add(
    _ devices: String, _ comparisons: [Comparison], _ hardware: String, _ engine: String,
    _ model: String, _ table: inout Table
  ) {
    let error = ErrorSummary(comparisons)
    let bias =
      comparisons.reduce(0) { $0 + log($1.predicted / $1.measured) } / Double(comparisons.count)
    table.add([
      hardware, engine, model, devices, "\(error.rows)", Quantity.percent(error.median),
      Quantity.percent(error.mean), Quantity.percent(error.percentile90),
      Quantity.percent(exp(bias) - 1), error.coverage.map(Quantity.percent) ?? "–",
    ])
  }
}
