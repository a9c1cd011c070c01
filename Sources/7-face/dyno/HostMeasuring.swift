import CostModel
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
import Records
import Reports

extension Calibrate {
  /// Measures this machine into files that a calibration reads.
  ///
  /// - Parameter folder: where they are kept; it is made.
  /// - Returns: the files.
  func measured(into folder: URL) throws -> [String] {
    var settings = CalibrationRuns.Settings()
    settings.budgetSeconds = budget?.seconds ?? settings.budgetSeconds
    settings.threads = threads
    settings.seed = seed
    let formats = dtype.flatMap(\.values).unique
    if !formats.isEmpty {
      settings.dtypes = try formats.map { format in
        guard let known = WeightFormat(rawValue: format.rawValue) else {
          throw InputError(
            "--dtype", problem: "is \(format.rawValue), in which this engine has no weights",
            expected: WeightFormat.listed)
        }
        return known
      }
    }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(
        "--measurements", problem: "cannot be made: \(error.localizedDescription)",
        expected: "a folder")
    }
    let progress = ProgressLine()
    var files: [String] = []
    StopRequest.watch()
    try CalibrationRuns(settings, report: progress.show)
      .run(
        stopped: { StopRequest.signal != nil },
        keep: { run in
          let base = folder.appendingPathComponent(run.name).path
          try OutputFile.write(JSONText.encode(run.records), to: base + ".json")
          try OutputFile.write(OperatorTable.text(run.operators), to: base + ".csv")
          files += [base + ".json", base + ".csv"]
          if let limits = run.records.first?.limits { LimitsCache.learn(limits) }
        })
    progress.clear()
    return files
  }

  /// Refuses options that would have no effect, or another than meant.
  func checkMeasuring() throws {
    guard measure else {
      return try refuse(
        [
          ("--budget", budget != nil), ("--threads", threads != nil),
          ("--measurements", measurements != nil),
        ], problem: "is given without --measure", expected: "--measure")
    }
    guard device == DeviceZoo.host else {
      throw InputError(
        "--measure", problem: "is given for \(device)", expected: "--device \(DeviceZoo.host)")
    }
    guard !serving else {
      throw InputError("--measure", problem: "is given with --serving", expected: "one of them")
    }
  }
}
