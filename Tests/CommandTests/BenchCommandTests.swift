import Foundation
import TestSupport
import Testing

/// `bench` as users of `llama-bench` write it, and its budget.
extension CommandTests {
  private func records(_ arguments: [String]) throws -> [[String: Any]] {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let outcome = try dyno(["bench", "-m", config.path, "-o", "json"] + arguments)
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try #require(
        try JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    }
  }

  @Test func llamaBenchHabits() throws {
    let records = try records([
      "-p", "4-16*2", "-n", "0", "-d", "0-8+8", "-r", "1", "-t", "1", "-b", "8",
    ])
    #expect(records.map { $0["n_prompt"] as? Int } == [4, 8, 16, 4, 8, 16])
    #expect(records.map { $0["n_depth"] as? Int } == [0, 0, 0, 8, 8, 8])
    #expect(records.allSatisfy { $0["n_threads"] as? Int == 1 && $0["n_batch"] as? Int == 8 })
    let pair = try self.records(["-pg", "8,4", "-r", "1"])
    #expect(pair.count == 1 && pair[0]["n_prompt"] as? Int == 8 && pair[0]["n_gen"] as? Int == 4)
  }

  @Test(arguments: ["9-3", "1-9*1", "0-9*2", "1-9+0", "1-", "-", "4-8-9", "0-9999"])
  func badRanges(range: String) throws {
    let outcome = try dyno("bench", "smollm2-135m", "--prompt=\(range)")
    #expect(outcome.code == 2)
    #expect(outcome.errors.contains("64-512*2"), "\(outcome.errors)")
  }

  @Test func severalFormats() throws {
    let records = try records(["--dtype", "bf16,q8_0", "-p", "4", "-n", "2", "-r", "1"])
    #expect(records.map { $0["type_weights"] as? String } == ["bf16", "bf16", "q8_0", "q8_0"])
  }

  /// A budget that holds no six samples is refused with what it takes; six are taken in one that does.
  @Test func budgetsAreKept() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let bench = ["bench", config.path, "-p", "0", "-n", "64", "-o", "json"]
      let refused = try dyno(bench + ["--budget", "1ms"])
      #expect(refused.code == 2 && refused.output.isEmpty)
      #expect(refused.errors.contains("--budget: is 1s, and 6 samples of the test take about"))
      let over = try dyno(bench + ["--budget", "1ms", "--over-budget"])
      #expect(over.code == 0, "\(over.errors)")
      let kept = try dyno(bench + ["--budget", "20s"])
      let records = try #require(
        try JSONSerialization.jsonObject(with: kept.bytes) as? [[String: Any]])
      #expect((records[0]["samples_ns"] as? [Any])?.count ?? 0 >= 6)
    }
  }

  /// A stop (Ctrl-C, or as here what a scheduler sends) ends a run with what it has.
  @Test func interruptedRunsKeepTheirSamples() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let outcome = try run(
        "/bin/sh",
        [
          "-c",
          "\(executable) bench \(config.path) -p 4 -n 4 --budget 60s --precision 0.0001% -o json & "
            + "sleep 5; kill -TERM $!; wait $!",
        ])
      #expect(outcome.code == 143, "\(outcome.errors)")
      let records = try #require(
        try JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
      // On a slow machine it may have none yet; `LoopTests` count what is kept.
      #expect(records.count <= 2)
      #expect(outcome.errors.contains("stopped"))
    }
  }
}
