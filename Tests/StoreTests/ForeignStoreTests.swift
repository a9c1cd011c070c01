import Foundation
import GRDB
import Input
import Store
import TestSupport
import Testing

/// Stores that others made or changed: refused in one line, and left as they were.
@Suite struct ForeignStoreTests {
  private func store(_ folder: URL, _ name: String = "a.db") throws -> URL {
    let file = folder.appendingPathComponent(name)
    let store = try ResultStore(file.path, .writing)
    try store.begin(sampleRun())
    try store.append(sampleResult(), identity: "{}")
    try store.close()
    return file
  }

  private func refusal(_ body: () throws -> Void) -> String {
    let error = #expect(throws: InputError.self) { try body() }
    return "\(error!)"
  }

  /// What SQLite takes for a database that vanishes, and what is no file.
  @Test func storesThatKeepNothing() throws {
    for path in ["", ":memory:"] {
      let line = refusal { _ = try ResultStore(path, .writing) }
      #expect(line.contains("keeps nothing"), "\(line)")
    }
    try Files.withTemporaryFolder { folder in
      let pipe = folder.appendingPathComponent("pipe").path
      mkfifo(pipe, 0o600)
      for path in ["/dev/null", "/dev/zero", pipe] {
        for access in [ResultStore.Access.reading, .writing] {
          let line = refusal { _ = try ResultStore(path, access) }
          #expect(line.contains("no regular file"), "\(line)")
        }
      }
      // A name that SQLite would read as an address.
      let odd = folder.appendingPathComponent("file:x?mode=memory").path
      let store = try ResultStore(odd, .writing)
      try store.begin(sampleRun())
      try store.close()
      #expect(try ResultStore(odd, .reading).runs().count == 1)
    }
  }

  @Test(arguments: [
    ("UPDATE results SET finished_at = x'00'", "results.finished_at holds bytes"),
    ("UPDATE results SET block = 'one'", "results.block holds \"one\""),
    ("UPDATE results SET block = NULL", "results.block holds nothing"),
    ("UPDATE results SET block = -1", "results.block holds -1"),
    ("UPDATE results SET block = 1e300", "results.block holds 1e+300"),
    ("UPDATE results SET status = 'done'", "results.status holds \"done\""),
    ("UPDATE results SET record = x'7b7d'", "record"),
    ("UPDATE runs SET command = x'ff'", "runs.command holds bytes"),
    ("UPDATE runs SET details = x'ff'", "runs.details holds bytes"),
    ("UPDATE cells SET identity = x'ff'", "cells.identity holds bytes"),
  ])
  func columnsOfOtherTypes(statement: String, part: String) throws {
    try Files.withTemporaryFolder { folder in
      let file = try store(folder)
      try tamper(file, "PRAGMA ignore_check_constraints = 1; \(statement)")
      let line = refusal {
        let store = try ResultStore(file.path, .reading)
        _ = try store.unitStates()
        _ = try store.runs()
        _ = try store.results()
        _ = try ResultStore(folder.appendingPathComponent("b.db").path, .writing).merge(store)
      }
      #expect(line.contains(part) && line.contains(file.path), "\(line)")
    }
  }

  /// Marked as ours, and of the right version, but something else: neither read nor turned into
  /// another kind of file.
  @Test(arguments: [
    "CREATE TABLE theirs (x)",
    "CREATE VIEW results AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) "
      + "SELECT x AS record_schema FROM n",
    "CREATE TABLE results (uid, record_schema); CREATE TABLE runs (id); CREATE TABLE cells (key)",
  ])
  func impostors(content: String) throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.db")
      try tamper(file, content)
      try tamper(file, "PRAGMA application_id = \(0x4459_4E4F); PRAGMA user_version = 1")
      let before = try Data(contentsOf: file)
      for access in [ResultStore.Access.reading, .writing] {
        let line = refusal { _ = try ResultStore(file.path, access) }
        #expect(line.contains("is not a sound store"), "\(line)")
      }
      #expect(try Data(contentsOf: file) == before)
    }
  }

  /// Rows of a damaged page that claim to be as long as no memory is.
  @Test func rowsThatClaimGigabytes() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.db")
      // Small pages put few rows on each, and take the place of the log.
      try tamper(file, "PRAGMA page_size = 512; VACUUM")
      let store = try ResultStore(file.path, .writing)
      try store.begin(sampleRun())
      for block in 0..<3 { try store.append(sampleResult(block: block), identity: "{}") }
      try store.close()
      let whole = try Data(contentsOf: file)
      var claims = 0
      for row in tableRows(whole, pageSize: 512) {
        var damaged = whole
        // 2^56 - 31 bytes, as SQLite writes lengths.
        damaged.replaceSubrange(row..<row + 9, with: Data(repeating: 0xFF, count: 8) + [0x61])
        try damaged.write(to: file)
        let line = refusal {
          let store = try ResultStore(file.path, .reading)
          _ = try store.results()
          let other = folder.appendingPathComponent("b.db").path
          _ = try ResultStore(other, .writing).merge(store)
        }
        claims += line.contains("claim more than memory holds") ? 1 : 0
      }
      #expect(claims > 0)
    }
  }

  /// Where rows of tables begin (https://www.sqlite.org/fileformat.html, section 1.6).
  private func tableRows(_ database: Data, pageSize: Int) -> [Int] {
    stride(from: 0, to: database.count, by: pageSize).flatMap { page -> [Int] in
      let header = page == 0 ? 100 : page
      guard database[header] == 13 else { return [] }  // leaves of tables
      func number(_ offset: Int) -> Int { Int(database[offset]) << 8 | Int(database[offset + 1]) }
      return (0..<number(header + 3)).map { page + number(header + 8 + 2 * $0) }
    }
  }

  @Test func triggersAreRefused() throws {
    try Files.withTemporaryFolder { folder in
      let file = try store(folder)
      try tamper(
        file,
        "CREATE TRIGGER t AFTER INSERT ON results BEGIN DELETE FROM results; END")
      let line = refusal { _ = try ResultStore(file.path, .writing) }
      #expect(line.contains("trigger t"), "\(line)")
    }
  }

  /// Views and tables of the user's own beside ours do no harm.
  @Test func additionsStay() throws {
    try Files.withTemporaryFolder { folder in
      let file = try store(folder)
      try tamper(file, "CREATE VIEW mine AS SELECT * FROM results; CREATE TABLE notes (text)")
      #expect(try ResultStore(file.path, .writing).count() == 1)
    }
  }
}
