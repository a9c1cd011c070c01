import CostModel
import Foundation
import Records
import Reports

/// Held-out errors of whole runs, every direction, per GPU and engine.
struct WholeRunStudy {
  private let runs: [WholeRun]
  private static let twins: Set = ["llama-3-8b", "mistral-7b"]
  private static let multiHead: Set = ["llama-2-7b"]

  init() throws {
    var measurements = Measurements()
    try measurements.add(contentsOf: CostStudy.data("gpu-e2e/llm-inference-bench.csv"))
    runs = measurements.runs
  }

  func run() throws {
    var table = Table([
      ("GPU", .left), ("engine", .left), ("held out", .left), ("fitted to", .left),
      ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right), ("max", .right),
      ("coverage", .right),
    ])
    var pooled: [String: [Comparison]] = [:]
    var residuals: [(label: String, x: Double, comparison: Comparison)] = []
    for (hardware, device) in [("A100", "a100-40gb"), ("H100", "h100-sxm")] {
      for engine in [ServingEngine.vllm2024, .tensorRT2024] {
        let calibration = EndToEndCalibration(try DeviceZoo.resolve(device), engine)
        let (rows, _) = try calibration.rows(
          runs.filter { $0.device.contains(hardware) && $0.engine == engine.name })
        for (held, fitted) in [
          (Set(["llama-3-8b"]), Set(["llama-2-7b", "mistral-7b"])),
          (Set(["mistral-7b"]), Set(["llama-2-7b", "llama-3-8b"])),
          (Self.multiHead, Self.twins), (Self.twins, Self.multiHead),
        ] {
          func isIn(_ names: Set<String>) -> (EndToEndCalibration.Row) -> Bool {
            { names.contains($0.run.architecture.name) }
          }
          let test = rows.filter(isIn(held))
          let comparisons = calibration.compare(
            test, calibration.fit(rows.filter(isIn(fitted))))
          let kind = held.count == 1 && held != Self.multiHead ? "twin" : "family"
          pooled["\(hardware), leave one \(kind) out", default: []] += comparisons
          residuals += zip(test, comparisons).map {
            ("\(hardware) \(engine.name) \(kind)", Double($0.0.run.batch), $0.1)
          }
          let summary = ErrorSummary(comparisons)
          table.add([
            hardware, engine.name, held.sorted().joined(separator: " "),
            fitted.sorted().joined(separator: " "), "\(summary.rows)",
            Quantity.percent(summary.median), Quantity.percent(summary.mean),
            Quantity.percent(summary.percentile90),
            Quantity.percent(comparisons.map(\.relativeError).max()!),
            Quantity.percent(summary.coverage!),
          ])
        }
      }
    }
    print(table.rendered(.markdown) + "\n")
    var totals = Table([
      ("pooled", .left), ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right),
      ("coverage", .right),
    ])
    for (name, comparisons) in pooled.sorted(by: { $0.key < $1.key })
      + [("all", pooled.values.flatMap { $0 })]
    {
      let summary = ErrorSummary(comparisons)
      totals.add([
        name, "\(summary.rows)", Quantity.percent(summary.median), Quantity.percent(summary.mean),
        Quantity.percent(summary.percentile90), Quantity.percent(summary.coverage!),
      ])
    }
    print(totals.rendered(.markdown) + "\n")
    try Residuals.write("whole_runs", residuals)
  }
}
