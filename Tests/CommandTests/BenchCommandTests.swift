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

  @Test func llamaBenchSpellings() throws {
    let records = try records([
      "-ngl", "0", "-b", "32", "-ub", "8", "-ctk", "q8_0", "-ctv", "q8_0", "-p", "4", "-n", "0",
      "-r", "1",
    ])
    #expect(records.count == 1 && records[0]["n_batch"] as? Int == 8)
    #expect(records[0]["type_k"] as? String == "q8_0" && records[0]["type_v"] as? String == "q8_0")
  }

  @Test(arguments: [
    (["-ngl", "99"], ["-ngl: has no counterpart here", "dyno predict"]),
    (["-fa", "1"], ["-fa: has no counterpart here"]),
    (["-mmp", "0"], ["-mmp: has no counterpart here"]),
    (["-nkvo", "1"], ["-nkvo: has no counterpart here"]),
    (["-sm", "none"], ["-sm: has no counterpart here"]),
    (["-mg", "0"], ["-mg: has no counterpart here"]),
    (["-ts", "1/1"], ["-ts: has no counterpart here"]),
    (["-ctk", "q8_0"], ["-ctk: is given without -ctv", "of one type"]),
    (["-ctv", "q8_0"], ["-ctv: is given without -ctk", "of one type"]),
    (["-ctk", "q8_0", "-ctv", "f16"], ["-ctk, -ctv: are q8_0 and f16", "of one type"]),
    (["-ctk", "q4_0", "-ctv", "q4_0"], ["'q4_0'", "--cache-dtype"]),
    (["-ub", "x"], ["'x'", "--chunk"]),
    (["-ub"], ["-ub: has no value"]),
    (["-o", "csv"], ["-o: is csv", "dyno results FILE --output csv"]),
    (["--output", "sql"], ["--output: is sql", "--store FILE"]),
  ])
  func llamaBenchOptionsWithoutCounterpart(arguments: [String], parts: [String]) throws {
    let outcome = try dyno(["bench", "-m", "smollm2-135m"] + arguments)
    #expect(outcome.code == 2 && outcome.output.isEmpty)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    for part in parts { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
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

  /// Lists whose product nobody means are refused before it is made.
  @Test func tooManyTestsAreRefused() throws {
    let outcome = try dyno(
      "bench", "smollm2-135m", "--batch", "1-100", "--depth", "0-99", "--prompt", "1-10")
    #expect(outcome.code == 2 && outcome.output.isEmpty)
    #expect(
      outcome.errors.contains("--batch, --depth, --prompt, --generate: make more than 10000 tests"),
      "\(outcome.errors)")
  }

  /// A run that is refused makes no store, and leaves one that is there as it was.
  @Test func refusedRunsLeaveStoresAlone() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let store = folder.appendingPathComponent("s.db")
      func expectRefusals() throws {
        for (arguments, part) in [
          (["llama-3.1-8b", "--batch", "100000", "--depth", "100000"], "of memory"),
          ([config.path, "-p", "0", "-n", "64", "--budget", "1ms"], "--budget"),
        ] {
          let outcome = try dyno(["bench"] + arguments + ["--store", store.path])
          #expect(outcome.code == 2 && outcome.errors.contains(part), "\(outcome.errors)")
        }
      }
      try expectRefusals()
      #expect(!FileManager.default.fileExists(atPath: store.path))
      let kept = try dyno(
        "bench", config.path, "-p", "4", "-n", "0", "-r", "1", "--store", store.path)
      #expect(kept.code == 0, "\(kept.errors)")
      let before = try Data(contentsOf: store)
      try expectRefusals()
      #expect(try Data(contentsOf: store) == before)
    }
  }

  /// What `dyno ab` would say to a serving bench takes one short line.
  @Test func endlessRequestsAreRefused() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let outcome = try run(
        "/bin/sh",
        [
          "-c",
          "head -c 300000 /dev/zero 2>/dev/null | "
            + "\(executable) bench \(config.path) -p 4 -n 0 -t 1 --serve",
        ])
      #expect(outcome.code == 2, "\(outcome.errors)")
      #expect(outcome.errors.contains("a line of more than 65536 bytes"), "\(outcome.errors)")
    }
  }

  /// Formats for dashboards have no place for tests that one side lacks: stderr tells of them.
  @Test(arguments: ["bencher", "github-action-benchmark"])
  func lostTestsAreToldOf(format: String) throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let bench = try dyno(
        "bench", config.path, "-p", "4", "-n", "2", "-r", "3", "-t", "1", "-o", "jsonl")
      #expect(bench.code == 0, "\(bench.errors)")
      let records = bench.output.split(separator: "\n")
      try #require(records.count == 2)
      func set(_ records: some Sequence<Substring>, _ name: String) throws -> String {
        let file = folder.appendingPathComponent(name)
        try "[\(records.joined(separator: ","))]".write(
          to: file, atomically: true, encoding: .utf8)
        return file.path
      }
      let outcome = try dyno(
        "compare", set(records, "baseline.json"), set(records.prefix(1), "candidate.json"),
        "--allow-different", "cells", "--output", format)
      #expect(outcome.code == 0 && !outcome.output.isEmpty, "\(outcome.errors)")
      #expect(
        outcome.errors.contains("1 tests are not in the candidate and were not compared"),
        "\(outcome.errors)")
    }
  }
}
