import Foundation
import Harness
import Input
import Model
import Reports
import TestSupport
import Testing
import Weights

@Suite struct ThroughputBenchTests {
  private func run(
    _ tests: [ThroughputTest], repetitions: Int = 6, tracedRounds: Int = 0
  ) throws -> ThroughputBench.Results {
    var settings = ThroughputBench.Settings()
    settings.repetitions = repetitions
    settings.chunk = 16
    settings.threads = 1
    let architectures = try (1...2).map { try randomLlama(seed: $0).validated() }
    return try ThroughputBench(tests, settings, report: { _ in }).run(
      architectures, tracedRounds: tracedRounds)
  }

  /// What the other side of a comparison asks of `dyno bench --serve`.
  @Test func servedRunsTellTheirFloorWhenAsked() throws {
    var settings = ThroughputBench.Settings()
    settings.threads = 1
    let test = ThroughputTest(.decode(2), depth: 0, batch: 1)
    let server = try BenchServer(
      [ModelSubject(try randomLlama(seed: 1).validated())], [test], settings)
    var requests = [
      try BenchLine.encode(BenchRequest(cell: 0, runs: 2)),
      try BenchLine.encode(BenchRequest(cell: 0, runs: 1, floor: true)),
    ][...]
    var lines: [String] = []
    try server.serve(read: { requests.popFirst() }, write: { lines.append($0) })
    #expect(lines.count == 3)
    let hello = try #require(BenchLine.decode(BenchHello.self, lines[0]))
    #expect(hello.cells.map(\.tokens) == [2])
    let replies = lines.dropFirst().compactMap { BenchLine.decode(BenchReply.self, $0) }
    #expect(replies.map(\.seconds.count) == [2, 1])
    #expect(replies[0].floorS == nil)
    #expect(try #require(replies[1].floorS) > 0)
  }

  @Test func recordsHoldWhatWasMeasured() throws {
    let tests = [
      ThroughputTest(.prefill(40), depth: 0, batch: 3),
      ThroughputTest(.decode(5), depth: 30, batch: 2),
    ]
    let records = try run(tests).records
    #expect(records.map(\.testName) == ["pp40", "tg5 @ d30", "pp40", "tg5 @ d30"])
    #expect(records.map(\.modelType) == ["random-1", "random-1", "random-2", "random-2"])
    for (record, test) in zip(records, tests + tests) {
      #expect(record.samplesNs.count == 6)
      for (nanoseconds, rate) in zip(record.samplesNs, record.samplesTs) {
        #expect(abs(rate * Double(nanoseconds) * 1e-9 / Double(test.tokens) - 1) < 1e-9)
      }
      #expect(record.sampling.endedBy == .repetitions && record.sampling.warmUpRuns > 0)
      #expect(record.sampleCircumstances.map(\.block) == Array(0..<6))
      let sorted = record.samplesTs.sorted()
      #expect(record.ci95Ts == [sorted[0], sorted[5]])
      #expect((sorted[0]...sorted[5]).contains(record.medianTs))
      #expect(record.floorFraction > 0 && record.peakFraction > 0 && record.bandwidthFraction > 0)
      #expect(record.limits.samples >= 3)
    }
  }

  /// Existing scripts read these keys.
  @Test func jsonCarriesTheKeysOfLlamaBench() throws {
    let records = try run([ThroughputTest(.decode(2), depth: 0, batch: 1)], repetitions: 1).records
    let value = try JSONDecoder().decode(
      JSONValue.self, from: Data(try JSONText.encode(records).utf8))
    guard case .array(let array) = value, case .object(let record) = array[0] else {
      Issue.record("not an array of objects")
      return
    }
    let keys = """
      build_commit cpu_info model_type model_size model_n_params n_batch n_threads type_k type_v \
      n_prompt n_gen n_depth test_time avg_ns stddev_ns avg_ts stddev_ts samples_ns samples_ts \
      median_ts gflops gbps peak_fraction bandwidth_fraction architecture environment warnings \
      n_sequences
      """
    for key in keys.split(separator: " ") { #expect(record[String(key)] != nil, "\(key)") }
    guard case .object(let config) = record["architecture"] else {
      Issue.record("no architecture")
      return
    }
    #expect(try Architecture(name: "random-1", config: JSONObject(config)).hiddenSize > 0)
  }

  @Test func tracesCoverEveryTest() throws {
    let results = try run(
      [
        ThroughputTest(.prefill(20), depth: 0, batch: 1),
        ThroughputTest(.decode(3), depth: 0, batch: 1),
      ], repetitions: 1, tracedRounds: 2)
    #expect(results.traces.count == 2)
    #expect(Set(results.traces[0].events.map(\.step)).count == 5)  // 16 + 4 tokens, then 3 steps
    let json = try ChromeTrace(results.traces).text()
    #expect(json.contains("\"traceEvents\"") && json.contains("gate_up_projection"))
  }

  @Test func modelsThatDoNotFitAreRefusedBeforeAllocation() throws {
    var settings = ThroughputBench.Settings()
    settings.threads = 1
    let huge = try Architecture(
      name: "huge", hiddenSize: 1 << 17, intermediateSize: 1 << 19, layers: 4000, queryHeads: 64,
      keyValueHeads: 64, headDimension: 128, vocabularySize: 1000
    ).validated()
    let bench = try ThroughputBench(
      [ThroughputTest(.decode(1), depth: 0, batch: 1)], settings, report: { _ in })
    let error = #expect(throws: InputError.self) { try bench.run([huge]) }
    #expect(error?.description.contains("huge: needs") == true)
    #expect(error?.description.contains("available") == true)
  }
}

@Suite struct TableTests {
  @Test func columnsAlign() {
    var table = Table([("name", .left), ("value", .right)])
    table.add(["a", "1"])
    table.add(["longer", "22"])
    #expect(table.rendered() == "name    value\n──────  ─────\na           1\nlonger     22")
    #expect(
      table.rendered(.markdown)
        == "| name   | value |\n| ------ | ----: |\n| a      |     1 |\n| longer |    22 |")
  }

  @Test func quantities() {
    #expect(Quantity.number(0.012345) == "0.01234" || Quantity.number(0.012345) == "0.01235")
    #expect(Quantity.number(1234.56) == "1235")
    #expect(Quantity.number(12.3) == "12.30")
    #expect(Quantity.number(.nan) == "–")
    #expect(Quantity.bytes(3 * 0x1p30) == "3.000 GiB")
    #expect(Quantity.count(973_078_528) == "973.1 M")
    #expect(Quantity.percent(0.1234) == "12.3%")
  }
}
