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
  /// What a run measured, as the file that a calibration reads.
  struct MeasuredFile {
    var name: String
    var text: String
  }

  /// Measures this machine.
  ///
  /// - Parameter folder: where the files are kept as well; it is made.
  func measured(into folder: String?) throws -> [MeasuredFile] {
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
    if let folder { try OutputFile.prepareFolder(folder) }
    let progress = ProgressLine()
    var files: [MeasuredFile] = []
    StopRequest.watch()
    try CalibrationRuns(settings, report: progress.show)
      .run(
        stopped: { StopRequest.signal != nil },
        keep: { run in
          let measured = try [
            MeasuredFile(name: run.name + ".json", text: JSONText.encode(run.records)),
            MeasuredFile(name: run.name + ".csv", text: OperatorTable.text(run.operators)),
          ]
          if let folder {
            for file in measured {
              try OutputFile.write(file.text, to: "\(folder)/\(file.name)")
            }
          }
          files += measured
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
    guard only.map(Processor.model.localizedCaseInsensitiveContains) ?? true else {
      throw InputError(
        "--only", problem: "leaves out what --measure measures, on \(Processor.model)",
        expected: "a part of that name")
    }
    guard !serving else {
      throw InputError("--measure", problem: "is given with --serving", expected: "one of them")
    }
  }
}
