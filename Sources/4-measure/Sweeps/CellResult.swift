import Foundation
import Input
import Records

/// What a child's end says about its cell.
enum CellResult: Equatable {
  /// The record, as the child wrote it.
  case measured(String)
  case failed(FailureRecord.Failure)
  /// Nothing: the sweep was asked to stop.
  case stopped

  init(_ outcome: CellProcess.Outcome, timeLimit: Double?) {
    let said = Self.lastWords(outcome.errors)
    switch outcome.end {
    case .stopped: self = .stopped
    case .timeLimit:
      self = .failed(.init(.timeLimit, "did not end within \(Int(timeLimit ?? 0)) s"))
    case .tooMuchOutput: self = .failed(.init(.crash, "wrote more than a record can be"))
    case .exited(0): self = Self.record(outcome.output)
    case .exited(let code) where said.contains(" of memory"):
      // Dyno's own refusal to take more memory than there is, before or after it began.
      self = .failed(.init(.outOfMemory, said.isEmpty ? "exit code \(code)" : said))
    case .exited(2): self = .failed(.init(.refused, said))
    case .exited(let code):
      self = .failed(.init(.crash, said.isEmpty ? "exit code \(code)" : said))
    case .signalled(SIGKILL) where outcome.memoryRanOut:
      self = .failed(.init(.outOfMemory, "ended by the kernel, which ran out of memory"))
    case .signalled(let signal):
      let name = String(cString: strsignal(signal))
      self = .failed(
        .init(.crash, "signal \(signal) (\(name))" + (said.isEmpty ? "" : ": \(said)")))
    }
  }

  /// The only line of output, if it is a record that we understand.
  private static func record(_ output: Data) -> CellResult {
    let text = String(decoding: output, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.contains("\n"), let record = try? JSONObject(parsing: Data(text.utf8)),
      record["schema_version"] == .integer(ThroughputRecord.currentSchema),
      record["samples_ns"] != nil
    else { return .failed(.init(.crash, "gave no record that can be read")) }
    return .measured(text)
  }

  /// The last line of stderr, without what every line begins with.
  private static func lastWords(_ errors: String) -> String {
    let line = errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
    return String((line.hasPrefix("dyno: ") ? line.dropFirst(6) : line[...]).prefix(1000))
  }
}
