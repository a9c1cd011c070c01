import Foundation
import TestSupport
import Testing

/// Compares a text with the file of that name in `Tests/Fixtures/reports`.
///
/// After a change that is meant, `DYNO_WRITE_GOLDEN=1 swift test --filter ReportsTests` writes the
/// files anew; read their diff before you commit it.
func expectGolden(
  _ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let file = Files.fixtures.appendingPathComponent("reports").appendingPathComponent(name)
  let actual = text + "\n"
  if ProcessInfo.processInfo.environment["DYNO_WRITE_GOLDEN"] != nil {
    try Data(actual.utf8).write(to: file)
    return
  }
  let expected = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
  guard actual != expected else { return }
  let (mine, theirs) = (lines(actual), lines(expected))
  let line = (0..<max(mine.count, theirs.count)).first {
    $0 >= mine.count || $0 >= theirs.count || mine[$0] != theirs[$0]
  }!
  Issue.record(
    """
    \(name), line \(line + 1):
    is       \(line < mine.count ? mine[line] : "missing")
    expected \(line < theirs.count ? theirs[line] : "nothing")
    """, sourceLocation: sourceLocation)
}

/// By bytes, as "\r\n" is one character.
private func lines(_ text: String) -> [String] {
  text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    .map { String(decoding: $0, as: UTF8.self) }
}
