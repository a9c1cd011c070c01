import ArgumentParser
import Comparison
import Input
import Machine
import Records
import Reports

extension Difference: ExpressibleByArgument {}
extension ComparisonFormat: OutputName {
  static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// What `compare` and `ab` share.
struct ComparisonOptions: ParsableArguments {
  @Option(help: "The slowdown that is to be found. No change and this are told apart halfway.")
  var threshold = Percentage(share: 0.05)

  @Option(help: "Compare although the sides differ in: machine, system, settings, cells.")
  var allowDifferent: [Difference] = []

  @Option(
    help:
      "table, json, markdown (for $GITHUB_STEP_SUMMARY), github-action-benchmark, bencher or junit."
  )
  var output = ComparisonFormat.table

  @Option(
    help: ArgumentHelp(
      "Write another output to a file as well; may be repeated.", valueName: "format=file"))
  var write: [FormatFile] = []

  var rule: VerdictRule { VerdictRule(threshold: threshold.share) }

  /// Prints the comparison and ends the process with its verdict.
  func finish(_ comparison: ComparisonRecord) throws {
    for warning in comparison.warnings { warn(warning) }
    // The result first: a file that cannot be written costs that file only.
    let text = try output.exporter.text(comparison)
    try output == .table ? emit(page: text) : emit(text)
    try Page.$columns.withValue(nil) {
      for file in write {
        try OutputFile.write(file.format.exporter.text(comparison) + "\n", to: file.path)
      }
    }
    guard comparison.exitCode == 0 else { throw ExitCode(comparison.exitCode) }
  }

  /// Fails before the work rather than after it.
  func checkFiles() throws { for file in write { try requireWritable(file.path) } }
}

/// A further output: `junit=report.xml`.
struct FormatFile: ExpressibleByArgument {
  let format: ComparisonFormat
  let path: String

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, let format = ComparisonFormat(argument: String(parts[0])) else {
      return nil
    }
    self.format = format
    path = String(parts[1])
  }

  static var allValueStrings: [String] {
    ["FORMAT=FILE, with one of \(ComparisonFormat.listed)"]
  }
}
