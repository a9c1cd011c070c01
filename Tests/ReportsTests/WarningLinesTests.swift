import Records
import Reports
import Testing

@Suite struct WarningLinesTests {
  private func record(_ name: String, _ generate: Int, _ warnings: [String]) -> ThroughputRecord {
    var record = sampleRecord(name, prompt: 0, generate: generate)
    record.warnings = warnings
    return record
  }

  @Test func oneLineACause() {
    let lines = WarningLines.lines([
      record("a", 8, ["samples spread by 12%: other work?", "threads could not be pinned"]),
      record("b", 8, ["samples spread by 7.5%: other work?", "threads could not be pinned"]),
      record("b", 9, ["threads could not be pinned", "520 positions exceed the model's 512"]),
    ])
    #expect(
      lines == [
        "samples spread by 7.5 to 12%: other work? (a tg8; b tg8)",
        "threads could not be pinned (all 3 tests)",
        "520 positions exceed the model's 512 (b tg9)",
      ])
  }

  @Test func manyTestsAreCounted() {
    var records = (1...9).map { record("a", $0, ["slow"]) }
    records.append(record("a", 10, []))
    #expect(WarningLines.lines(records) == ["slow (a tg1; a tg2; a tg3; a tg4; 5 more)"])
    #expect(WarningLines.lines([record("a", 1, ["slow"])]) == ["slow (a tg1)"])
    #expect(WarningLines.lines([ThroughputRecord]()).isEmpty)
  }
}
