import Foundation
import Input
import Store
import TestSupport
import Testing

@Suite struct ResultStoreTests {
  private func expectRefusal(_ path: String, _ access: ResultStore.Access, _ part: String) {
    let error = #expect(throws: InputError.self) { _ = try ResultStore(path, access) }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test func keepsWhatIsAppended() throws {
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.db").path
      let store = try ResultStore(path, .writing)
      try store.begin(sampleRun())
      let results = [
        sampleResult(at: 1), sampleResult(block: 1, at: 2, failed: true),
        sampleResult(cell: nil, at: 3),
      ]
      for result in results { #expect(try store.append(result, identity: "{}")) }
      // Others read while it is open, and see everything.
      #expect(try ResultStore(path, .reading).results() == results)
      try store.close()
      let again = try ResultStore(path, .reading)
      #expect(try again.results() == results)
      #expect(try again.runs() == [sampleRun()])
      #expect(
        try again.unitStates() == [
          SweepUnit(cell: "a", block: 0): .init(measured: true),
          SweepUnit(cell: "a", block: 1): .init(failures: 1),
        ])
      try again.close()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.db"])
    }
  }

  @Test func aUnitIsMeasuredOnce() throws {
    try Files.withTemporaryFolder { folder in
      let store = try ResultStore(folder.appendingPathComponent("a.db").path, .writing)
      try store.begin(sampleRun())
      var filter = ResultFilter()
      filter.lastAttemptsOnly = true
      for second in 0...1 {
        #expect(try store.append(sampleResult(at: second, failed: true), identity: "{}"))
      }
      #expect(try store.results(filter) == [sampleResult(at: 1, failed: true)])
      #expect(try store.append(sampleResult(at: 2), identity: "{}"))
      #expect(try !store.append(sampleResult(at: 3), identity: "{}"))
      #expect(try store.count() == 3)
      #expect(try store.results(filter) == [sampleResult(at: 2)])
    }
  }

  @Test func filters() throws {
    try Files.withTemporaryFolder { folder in
      let store = try ResultStore(folder.appendingPathComponent("a.db").path, .writing)
      try store.begin(sampleRun())
      for (index, name) in ["x", "y"].enumerated() {
        for batch in [1, 8] {
          try store.append(
            sampleResult(
              cell: nil, at: index, name: name, batch: batch, depth: 7, commit: "abc\(index)"))
        }
      }
      func count(_ change: (inout ResultFilter) -> Void) throws -> Int {
        var filter = ResultFilter()
        change(&filter)
        return try store.results(filter).count
      }
      #expect(try count { $0.architectures = ["x"] } == 2)
      #expect(try count { $0.batches = [8, 9] } == 2)
      #expect(try count { ($0.architectures, $0.batches) = (["y", "x"], [8]) } == 2)
      #expect(try count { $0.depths = [0] } == 0)
      #expect(try count { $0.dtypes = ["bf16"] } == 4)
      #expect(try count { $0.commits = ["abc1", "zzz"] } == 2)
      #expect(try count { $0.status = .failed } == 0)
    }
  }

  @Test func refusesWhatIsNoStoreAndLeavesItAlone() throws {
    try Files.withTemporaryFolder { folder in
      let text = folder.appendingPathComponent("text")
      let foreign = folder.appendingPathComponent("foreign.db")
      let empty = folder.appendingPathComponent("empty.db")
      try Data("not a database at all".utf8).write(to: text)
      try Data().write(to: empty)
      try tamper(foreign, "CREATE TABLE theirs (x)")
      for access in [ResultStore.Access.reading, .writing] {
        let before = try [text, foreign].map { try Data(contentsOf: $0) }
        expectRefusal(text.path, access, "is not a store")
        expectRefusal(foreign.path, access, "another program")
        #expect(try [text, foreign].map { try Data(contentsOf: $0) } == before)
      }
      try tamper(foreign, "PRAGMA application_id = 7")
      expectRefusal(foreign.path, .writing, "is not a store")
      expectRefusal(empty.path, .reading, "is empty")
      expectRefusal(folder.path, .reading, "no regular file")
      expectRefusal(folder.appendingPathComponent("none.db").path, .reading, "does not exist")
      expectRefusal("/nowhere/a.db", .writing, "cannot be opened")
      // An empty file is where a store may begin.
      #expect(try ResultStore(empty.path, .writing).count() == 0)
    }
  }

  @Test func refusesOtherVersions() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.db")
      let store = try ResultStore(file.path, .writing)
      try store.begin(sampleRun())
      try store.append(sampleResult(), identity: "{}")
      try store.close()
      try tamper(file, "UPDATE results SET record = json_set(record, '$.schema_version', 99)")
      for access in [ResultStore.Access.reading, .writing] {
        expectRefusal(file.path, access, "records of schema 99; expected")
      }
      try tamper(file, "PRAGMA user_version = 9")
      for access in [ResultStore.Access.reading, .writing] {
        expectRefusal(file.path, access, "store schema 9; expected 1")
      }
    }
  }

  /// Cut anywhere, a store is refused or read, never a trap; and it is not changed by that.
  @Test func halfWrittenStores() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.db")
      let store = try ResultStore(file.path, .writing)
      try store.begin(sampleRun())
      for second in 0..<40 { try store.append(sampleResult(cell: nil, at: second)) }
      try store.close()
      let whole = try Data(contentsOf: file)
      for length in stride(from: 1, to: whole.count, by: 1111) {
        let cut = folder.appendingPathComponent("cut.db")
        try whole.prefix(length).write(to: cut)
        let error = #expect(throws: InputError.self) {
          _ = try ResultStore(cut.path, .writing).results()
        }
        let line = "\(error!)"
        #expect(line.contains("damaged") || line.contains("not a"), "\(line)")
        #expect(try Data(contentsOf: cut) == whole.prefix(length))
        for suffix in ["-wal", "-shm"] {
          try? FileManager.default.removeItem(atPath: cut.path + suffix)
        }
      }
    }
  }
}
