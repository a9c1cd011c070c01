import CostModel
import Foundation
import Records

/// Held-out errors of whole runs, every direction, per GPU and engine.
struct WholeRunStudy {
  let runs: [WholeRun]

  init(_ file: URL) throws {
    var measurements = Measurements()
    try measurements.add(contentsOf: file)
    for rejected in measurements.rejected { complain("\(rejected)") }
    runs = measurements.runs
  }

  static let families = ["llama-2-7b": "MHA", "llama-3-8b": "GQA", "mistral-7b": "GQA"]

  func run(_ device: DeviceProfile, hardware: String) throws {
    for (name, engine) in [
      ("vllm-2024", ServingEngine.vllm2024), ("tensorrt-llm-2024", .tensorRT2024),
    ] {
      let calibration = EndToEndCalibration(device, engine)
      let mine = runs.filter { $0.device.contains(hardware) && $0.engine == name }
      let (rows, rejected) = try calibration.rows(mine)
      for line in rejected { complain("\(line)") }
      func direction(_ label: String, _ isHeld: (WholeRun) -> Bool, _ isFitted: (WholeRun) -> Bool) {
        let fit = calibration.fit(rows.filter { isFitted($0.run) })
        let comparisons = calibration.compare(rows.filter { isHeld($0.run) }, fit)
        print(hardware, name, label, ErrorSummary(comparisons))
      }
      for model in ["llama-3-8b", "mistral-7b"] {
        direction("\(model) from the others", { $0.architecture.name == model }, { $0.architecture.name != model })
      }
      direction(
        "MHA from GQA", { Self.families[$0.architecture.name] == "MHA" },
        { Self.families[$0.architecture.name] == "GQA" })
      direction(
        "GQA from MHA", { Self.families[$0.architecture.name] == "GQA" },
        { Self.families[$0.architecture.name] == "MHA" })
      let fit = calibration.fit(rows)
      print("  in sample", ErrorSummary(calibration.compare(rows, fit)), fit.stop, fit.values, fit.standardErrors, "prior", calibration.prior.values)
    }
  }
}
