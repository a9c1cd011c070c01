import CostModel
import Foundation
import Input
import Reports

/// Prints one section of `docs/calibration-results.md`, which `make calibration` writes.
///
/// usage: dyno-cost-study operators | unseen | collectives | multi | jumps | sparse
///        | sweep [MODEL [DEVICE [DEVICES]]] | runs | host FOLDER | gains | speed | host-load FOLDER
///        | serving | serving-speed
///
/// With `DYNO_RESIDUALS` set to a folder, held-out predictions are written there as CSV.
@main
struct CostStudy {
  static func main() throws {
    do {
      try section()
    } catch let error as InputError {
      FileHandle.standardError.write(Data("dyno-cost-study: \(error)\n".utf8))
      exit(2)
    }
  }

  private static func section() throws {
    let arguments = CommandLine.arguments.dropFirst()
    let rest = arguments.dropFirst().first
    switch arguments.first {
    case "operators": try OperatorStudy().run()
    case "unseen": try UnseenDeviceStudy().run()
    case "collectives": try CollectiveStudy().run()
    case "multi": try MultiDeviceStudy().run()
    case "jumps": try JumpStudy().run()
    case "sparse":
      var study = SparseStudy()
      try study.run()
    case "sweep": try ExpertSweepStudy(Array(arguments.dropFirst())).run()
    case "runs": try WholeRunStudy().run()
    case "host": try HostStudy(rest ?? "").run()
    case "host-load": try HostLoadStudy(rest ?? "").run()
    case "gains": try GainStudy().run()
    case "speed": try SpeedStudy().run()
    case "serving": try ServingStudy().run()
    case "serving-speed": try ServingSpeedStudy.run()
    default:
      throw InputError(
        problem: "no section is named",
        expected:
          "operators, unseen, collectives, multi, jumps, sparse, sweep, runs, host FOLDER, "
          + "host-load FOLDER, gains, speed, serving or serving-speed")
    }
  }

  /// The data that other people published.
  static func data(_ path: String) -> URL {
    let folder = ProcessInfo.processInfo.environment["DYNO_DATA"] ?? "../shared/data"
    return URL(fileURLWithPath: folder).appendingPathComponent(path)
  }

  static let a100Tables = "gpu-ops/a100-sxm-80gb-vllm-0.14.0/"

  /// Devices whose kernel tables there are, with their folders.
  static let tables = [
    ("a100-80gb", a100Tables), ("h100-sxm", "gpu-ops/h100-sxm-vllm-0.14.0/"),
    ("l40s", "gpu-ops/l40s-vllm-0.14.0/"),
  ]

  static func measurements(_ folder: String, _ names: [String]) throws -> Measurements {
    var measurements = Measurements()
    for name in names { try measurements.add(contentsOf: data(folder + name + ".csv")) }
    return measurements
  }
}

/// Held-out predictions, for the plots of residuals.
enum Residuals {
  static func write(_ name: String, _ rows: [(label: String, x: Double, comparison: Comparison)])
    throws
  {
    guard let folder = ProcessInfo.processInfo.environment["DYNO_RESIDUALS"] else { return }
    let lines = rows.map {
      "\"\($0.label)\",\($0.x),\($0.comparison.predicted),\($0.comparison.measured)"
    }
    try (["label,x,predicted,measured"] + lines).joined(separator: "\n")
      .write(toFile: "\(folder)/\(name).csv", atomically: true, encoding: .utf8)
  }
}
