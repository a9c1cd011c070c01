import Foundation
import Records
import Store
import Sweeps
import TestSupport
import Testing

/// Sweeps whose cells are measured by shell scripts, to see every way in which a child can end.
@Suite struct SweepRunTests {
  private let site = MeasuringSite(
    host: ["processor": .string("test")], build: ["commit": .string("c")], defaultThreads: 2)

  private let record = """
    {"schema_version": \(ThroughputRecord.currentSchema), "model_type": "tiny", \
    "samples_ns": [1, 2], "median_ts": 5}
    """

  private func sweep(
    _ script: String, into store: String, retryFailed: Bool = false, timeLimit: Double? = nil,
    batches: String = "[1, 2]", site: MeasuringSite? = nil,
    stopped: @escaping () -> Bool = { false }
  ) throws -> SweepSummary {
    let executable = store + ".sh"
    try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: executable))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: executable)
    let spec = try SweepSpec(
      "{architectures: huggingface/qwen2, batch: \(batches), prompt: 16, generate: 0}",
      folder: Files.fixtures)
    var options = SweepRun.Options()
    options.retryFailed = retryFailed
    options.timeLimit = timeLimit
    options.executable = executable
    let opened = try ResultStore(store, .writing)
    let run = try spec.run(shard: .whole, on: site ?? self.site)
    try opened.begin(run)
    let summary = try SweepRun(
      SweepPlan(spec), store: opened, run: run.id, site: site ?? self.site, options: options,
      stopped: stopped, report: { _ in }
    ).measure()
    try opened.close()
    return summary
  }

  private func withStore(_ body: (String) throws -> Void) throws {
    try Files.withTemporaryFolder { try body($0.appendingPathComponent("s.db").path) }
  }

  @Test func resumesAndMeasuresAgainWhatChanged() throws {
    try withStore { store in
      let print = "echo '\(record)'"
      #expect(try sweep(print, into: store).measured == 2)
      let again = try sweep("exit 1", into: store)
      #expect(again.measured == 0 && again.present == 2 && again.failures.isEmpty)
      let more = try sweep(print, into: store, batches: "[1, 2, 3]")
      #expect(more.measured == 1 && more.present == 2)
      for change in ["host", "build"] {
        var other = site
        if change == "host" { other.host["processor"] = .string("other") }
        if change == "build" { other.build["commit"] = .string("d") }
        #expect(try sweep(print, into: store, site: other).measured == 2, "\(change)")
      }
      let results = try ResultStore(store, .reading).results()
      #expect(results.count == 7)
      #expect(results.allSatisfy { $0.record == record })
    }
  }

  /// A login node sees what others measured, and why it does not count for it.
  @Test func statusOnAnyHost() throws {
    try withStore { store in
      let print = "echo '\(record)'"
      #expect(try sweep(print, into: store, batches: "[1, 2, 3]").measured == 3)
      #expect(try sweep("exit 1", into: store, batches: "[4]").failures.count == 1)
      var node = site
      node.host["processor"] = .string("node")
      node.host["instruction_set"] = .string("avx512")
      node.defaultThreads = 64
      #expect(try sweep(print, into: store, site: node).measured == 2)
      let spec = try SweepSpec(
        "{architectures: huggingface/qwen2, batch: [1, 2, 4, 5], prompt: 16, generate: 0}",
        folder: Files.fixtures)
      func status(_ site: MeasuringSite) throws -> SweepStatus {
        let store = try ResultStore(store, .reading)
        return try SweepStatus(
          SweepPlan(spec), store.unitStates(), store.identities(), on: site)
      }
      let here = try status(site)
      #expect(here.units == 4 && here.measured == 2 && here.failed == 1 && here.pending == 1)
      // Batch 3 is measured, and no part of the sweep.
      #expect(here.elsewhere.count == 1 && here.others == 1)
      let nodes = try #require(here.elsewhere.first)
      #expect(nodes.processor == "node" && nodes.measured == 2 && nodes.failed == 0)
      #expect(nodes.differsIn == ["processor", "instruction set"])
      let there = try status(node)
      #expect(there.measured == 2 && there.pending == 2 && there.elsewhere.count == 1)
      #expect(there.elsewhere[0].measured == 2 && there.elsewhere[0].failed == 1)
      var login = site
      login.build["commit"] = .string("d")
      #expect(try status(login).elsewhere.map(\.measured) == [2, 2])
      #expect(try status(login).elsewhere.contains { $0.differsIn == ["commit"] })
    }
  }

  private func failure(_ script: String, timeLimit: Double? = nil) throws
    -> FailureRecord.Failure
  {
    var failure: FailureRecord.Failure?
    try withStore { store in
      let summary = try sweep(script, into: store, timeLimit: timeLimit)
      #expect(summary.failures.count == 2 && summary.measured == 0, "\(script)")
      failure = summary.failures.first?.failure
      let rows = try ResultStore(store, .reading).results()
      #expect(rows.count == 2 && rows.allSatisfy { $0.status == .failed })
      #expect(try rows[0].fields().object("failure")?.string("kind") == failure?.kind.rawValue)
      #expect(try rows[0].fields().string("model_type") == "qwen2")
    }
    return try #require(failure)
  }

  @Test func everyEndIsARowWithItsReason() throws {
    let crash = try failure("kill -SEGV $$")
    #expect(crash.kind == .crash && crash.detail.contains("signal 11"))
    let killed = try failure("kill -KILL $$")
    #expect(killed.kind == .crash || killed.kind == .outOfMemory)
    let limit = try failure("exec sleep 60", timeLimit: 0.2)
    #expect(limit.kind == .timeLimit)
    let refused = try failure("echo 'dyno: f: is odd; expected even' >&2; exit 2")
    #expect(refused == .init(.refused, "f: is odd; expected even"))
    let memory = try failure(
      "echo 'dyno: tiny: needs 9 GiB of memory (weights 9 GiB)' >&2; exit 2")
    #expect(memory.kind == .outOfMemory)
    #expect(try failure("exit 70") == .init(.crash, "exit code 70"))
    #expect(try failure("echo; echo nonsense").kind == .crash)
    #expect(try failure("true") == .init(.crash, "gave no record that can be read"))
    #expect(try failure("echo '{\"schema_version\": 99, \"samples_ns\": []}'").kind == .crash)
  }

  @Test func muchOutputDoesNotBlock() throws {
    try withStore { store in
      let noisy = "i=0; while [ $i -lt 3000 ]; do echo \(String(repeating: "x", count: 99)) >&2; "
      let summary = try sweep(noisy + "i=$((i+1)); done; echo '\(record)'", into: store)
      #expect(summary.measured == 2)
    }
  }

  @Test func failuresAreTriedAgainOnlyWhenAsked() throws {
    try withStore { store in
      #expect(try sweep("exit 3", into: store).failures.count == 2)
      let print = "echo '\(record)'"
      let again = try sweep(print, into: store)
      #expect(again.failedBefore == 2 && again.measured == 0)
      #expect(try sweep("exit 3", into: store, retryFailed: true).failures.count == 2)
      #expect(try sweep(print, into: store, retryFailed: true).measured == 2)
      #expect(try sweep("exit 3", into: store, retryFailed: true).present == 2)
      #expect(try ResultStore(store, .reading).count() == 6)
    }
  }

  /// The child is ended, its cell is left for later, and what was measured stays.
  @Test func stopsWhenAsked() throws {
    try withStore { store in
      var asked = 0
      let first = store + ".first"
      let script = "[ -e \(first) ] && exec sleep 60; touch \(first); echo '\(record)'"
      let summary = try sweep(
        script, into: store,
        stopped: {
          if FileManager.default.fileExists(atPath: first) { asked += 1 }
          return asked > 5
        })
      #expect(summary.measured == 1 && summary.remaining == 1 && summary.failures.isEmpty)
      #expect(try ResultStore(store, .reading).count() == 1)
    }
  }

  @Test func twoSweepsAtOnceShareTheCells() throws {
    try withStore { store in
      let log = store + ".log"
      let script = "echo begin >> \(log); sleep 0.03; echo end >> \(log); echo '\(record)'"
      let batches = "[1, 2, 3, 4, 5, 6]"
      // Made first, as both sweeps write the script.
      _ = try sweep(script, into: store, stopped: { true })
      let measured = Locked(0)
      DispatchQueue.concurrentPerform(iterations: 2) { _ in
        let summary = try? sweep(script, into: store, batches: batches)
        measured.add(summary?.measured ?? -100)
      }
      #expect(measured.value == 6)
      #expect(try ResultStore(store, .reading).count() == 6)
      let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
      let pairs = (0..<6).flatMap { _ in ["begin", "end"] }
      #expect(lines.map(String.init) == pairs, "one cell at a time")
    }
  }
}

private final class Locked: @unchecked Sendable {
  private let lock = NSLock()
  private var total: Int

  init(_ value: Int) { total = value }

  func add(_ value: Int) { lock.withLock { total += value } }
  var value: Int { lock.withLock { total } }
}
