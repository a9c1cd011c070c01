import Comparison
import Foundation
import Harness
import Input
import Machine
import Records
import TestSupport
import Testing
import Weights

/// Children that are no benches, or bad ones.
@Suite struct BenchChildTests {
  private func hello(
    typicalS: String = "0.01", tokens: Int = 1, version: Int = BenchHello.currentVersion,
    cells: Int = 1, weights: String = "bf16", activations: String = "f32"
  ) -> String {
    let cell =
      "{\"modelType\":\"m\",\"architecture\":{},\"test\":\"tg1\",\"nSequences\":1,"
      + "\"typeWeights\":\"\(weights)\",\"typeActivations\":\"\(activations)\",\"tokens\":\(tokens),"
      + "\"typicalS\":\(typicalS)}"
    let environment =
      "{\"topology\":\"t\",\"operatingSystem\":\"o\",\"instructionSet\":\"i\","
      + "\"openblas\":\"b\",\"threadsPinned\":true,\"libraries\":{}}"
    return "echo '{\"dynoBenchVersion\":\(version),\"buildCommit\":\"c\",\"cpuInfo\":\"cpu\","
      + "\"environment\":\(environment),\"typeK\":\"f16\",\"nThreads\":1,"
      + "\"nBatch\":1,\"cells\":[\(Array(repeating: cell, count: cells).joined(separator: ","))]}'"
  }

  private func withChild(
    _ script: String, patience: Double = 20, _ body: (BenchChild) throws -> Void
  ) throws {
    try Files.withTemporaryFolder { folder in
      let file = try executable(script, in: folder)
      var limits = BenchChild.Patience(longest: patience)
      limits.end = 0.2
      try body(BenchChild(executable: file, arguments: [], patience: limits))
    }
  }

  private func executable(
    _ script: String, in folder: URL, name: String = "dyno"
  ) throws -> String {
    let file = folder.appendingPathComponent(name)
    try Data("#!/bin/sh\n\(script)\n".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    return file.path
  }

  private func expectRefusal(_ script: String, _ part: String, patience: Double = 20) {
    let error = #expect(throws: InputError.self) {
      try withChild(script, patience: patience) { _ in }
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  private func expectFailure(_ script: String, _ part: String, patience: Double = 20) {
    let error = #expect(throws: HostError.self) {
      try withChild(hello() + "\n" + script, patience: patience) {
        _ = try $0.run(BenchRequest(cell: 0, runs: 1))
      }
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test func whatAGoodOneSays() throws {
    let script = "read -r line; echo '{\"seconds\":[0.5,0.25],\"suspicions\":[]}'; cat >/dev/null"
    try withChild(hello() + "\n" + script) { child in
      let reply = try child.run(BenchRequest(cell: 0, runs: 2))
      #expect(reply.seconds == [0.5, 0.25])
    }
  }

  /// Builds whose defaults differ do not do the same work of the same arguments.
  @Test(arguments: [
    ("bf16", "f32", "weights: bf16 and q8_0"), ("q8_0", "int8", "activations: f32 and int8"),
  ])
  func buildsOfOtherDefaults(weights: String, activations: String, difference: String) throws {
    try Files.withTemporaryFolder { folder in
      let serve = "\nwhile read -r line; do echo '{\"seconds\":[0.5],\"suspicions\":[]}'; done"
      let baseline = try executable(
        hello(weights: weights) + serve, in: folder, name: "main")
      let candidate = try executable(
        hello(weights: "q8_0", activations: activations) + serve, in: folder, name: "branch")
      var settings = InterleavedComparison.Settings()
      settings.budgetSeconds = 0.1
      func compare() throws -> ComparisonRecord {
        try InterleavedComparison(settings, report: { _ in })
          .run(baseline: baseline, candidate: candidate, arguments: [])
      }
      let error = #expect(throws: InputError.self) { _ = try compare() }
      #expect("\(error!)".contains("m tg1, batch 1: "), "\(error!)")
      #expect("\(error!)".contains(difference), "\(error!)")
      settings.allowed = [.settings]
      #expect(try compare().cells.count == 1)
    }
  }

  @Test func silentOnes() {
    expectRefusal("sleep 100", "said nothing for 1 s", patience: 0.5)
    expectRefusal("trap '' TERM; while :; do sleep 0.1; done", "said nothing", patience: 0.5)
    expectFailure("exec sleep 100", "no answer within 1 s", patience: 0.5)
    // Neither does it read.
    expectFailure("exec <&-; exec sleep 100", "within", patience: 0.5)
  }

  @Test func loudOnes() {
    expectRefusal("yes | tr -d '\\n'", "writes without end", patience: 600)
    expectRefusal("yes >&2", "said nothing", patience: 0.5)
    expectRefusal("yes", "did not start")
  }

  @Test func thoseThatTalkNonsense() {
    expectRefusal(hello(cells: 0), "has no tests")
    expectRefusal(hello(typicalS: "0"), "takes 0.0 s a run")
    expectRefusal(hello(typicalS: "-1e300"), "m tg1: takes")
    expectRefusal(hello(tokens: 0), "0 tokens")
    expectRefusal(hello(version: 99), "speaks version 99")
    // Other versions say other things.
    expectRefusal("echo '{\"dynoBenchVersion\":3,\"cells\":0}'", "speaks version 3")
    expectFailure("read -r line; echo '{\"seconds\":[-1],\"suspicions\":[]}'", "cannot be read")
    expectFailure("read -r line; echo '{\"seconds\":[],\"suspicions\":[]}'", "cannot be read")
    expectFailure("echo 'the reason' >&2; exit 3", "the reason")
  }

  /// A server answers no request that would take for ever or leave the range of integers.
  @Test func requestsOutOfBounds() throws {
    var settings = ThroughputBench.Settings()
    settings.threads = 1
    let server = try BenchServer(
      [ModelSubject(randomLlama(seed: 1).validated())],
      [ThroughputTest(.decode(1), depth: 0, batch: 1)],
      settings)
    for request in [
      "{\"cell\":0,\"runs\":\(Int.max),\"stretch\":0,\"floor\":false}",
      "{\"cell\":0,\"runs\":1,\"stretch\":1e300,\"floor\":false}",
      "{\"cell\":0,\"runs\":1,\"stretch\":-1,\"floor\":false}",
      "{\"cell\":1,\"runs\":1,\"stretch\":0,\"floor\":false}", "{}", "",
    ] {
      var lines = [request]
      #expect(throws: InputError.self, "\(request)") {
        try server.serve(read: { lines.popLast() }, write: { _ in })
      }
    }
  }
}
