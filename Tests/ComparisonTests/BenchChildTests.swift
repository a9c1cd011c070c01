import Comparison
import Foundation
import Harness
import Input
import Machine
import TestSupport
import Testing
import Weights

/// Children that are no benches, or bad ones.
@Suite struct BenchChildTests {
  private func hello(
    typicalS: String = "0.01", tokens: Int = 1, version: Int = BenchHello.currentVersion,
    cells: Int = 1
  ) -> String {
    let cell =
      "{\"modelType\":\"m\",\"architecture\":{},\"test\":\"tg1\",\"nSequences\":1,"
      + "\"tokens\":\(tokens),\"typicalS\":\(typicalS)}"
    let environment =
      "{\"topology\":\"t\",\"operatingSystem\":\"o\",\"instructionSet\":\"i\","
      + "\"openblas\":\"b\",\"threadsPinned\":true,\"libraries\":{}}"
    return "echo '{\"dynoBenchVersion\":\(version),\"buildCommit\":\"c\",\"cpuInfo\":\"cpu\","
      + "\"environment\":\(environment),\"typeWeights\":\"bf16\",\"typeK\":\"f16\",\"nThreads\":1,"
      + "\"nBatch\":1,\"cells\":[\(Array(repeating: cell, count: cells).joined(separator: ","))]}'"
  }

  private func withChild(
    _ script: String, patience: Double = 20, _ body: (BenchChild) throws -> Void
  ) throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("dyno")
      try Data("#!/bin/sh\n\(script)\n".utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
      var limits = BenchChild.Patience(longest: patience)
      limits.end = 0.2
      try body(BenchChild(executable: file.path, arguments: [], patience: limits))
    }
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
