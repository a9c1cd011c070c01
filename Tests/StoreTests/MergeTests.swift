import Foundation
import Store
import TestSupport
import Testing

@Suite struct MergeTests {
  @Test func isASetUnion() throws {
    try Files.withTemporaryFolder { folder in
      func store(_ name: String) throws -> ResultStore {
        try ResultStore(folder.appendingPathComponent(name).path, .writing)
      }
      let a = try store("a.db")
      let b = try store("b.db")
      for (store, run) in [(a, "r"), (b, "s")] { try store.begin(sampleRun(run)) }
      let shared = sampleResult(cell: "x", at: 0)
      try a.append(shared, identity: "{}")
      try a.append(sampleResult(cell: "y", at: 1), identity: "{}")
      try b.begin(sampleRun("r"))
      try b.append(shared, identity: "{}")
      try b.append(sampleResult(cell: "y", run: "s", at: 2), identity: "{}")
      try b.append(sampleResult(cell: "z", run: "s", at: 3, failed: true), identity: "{}")
      let c = try store("c.db")
      #expect(try c.merge(a) == 2)
      #expect(try c.merge(b) == 2)
      #expect(try c.merge(a) == 0)
      #expect(try c.merge(b) == 0)
      let d = try store("d.db")
      #expect(try d.merge(b) == 3)
      #expect(try d.merge(a) == 1)
      #expect(try c.results() == d.results())
      #expect(try c.runs() == d.runs())
      #expect(try c.merge(c) == 0)
    }
  }
}
