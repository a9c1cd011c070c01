import Engine
import Harness
import Input
import Machine
import Model
import Records
import Reports
import Requests
import TestSupport
import Testing
import Weights

@Suite struct EngineServingTests {
  private static let requests = [(11, 6), (5, 9), (23, 1), (7, 4), (16, 12), (9, 5)].map {
    ServingRequest(input: $0.0, output: $0.1)
  }

  private func serve(
    _ requests: [ServingRequest], clients: Int, chunk: Int, seed: UInt64 = 3
  ) throws -> (outcome: ServingOutcome, answers: [[Int]]) {
    let kernels = try KernelTable.selected()
    let weights = try ModelWeights.lively(
      randomLlama(seed: 4).validated(), seed: 1, kernels: kernels)
    let engine = try TestEngine(weights, sequences: clients, capacity: 64, kernels: kernels).engine
    let serving = EngineServing(engine, requests, seed: seed)
    let outcome = try ServingLoop(
      ServingLoad(clients: clients, requests: requests), chunk: chunk
    ).run(on: serving)
    return (outcome, serving.answers)
  }

  @Test func allRequestsAreServed() throws {
    let (outcome, answers) = try serve(Self.requests, clients: 3, chunk: 8)
    #expect(answers.map(\.count) == Self.requests.map(\.output))
    #expect(outcome.requests.map(\.output) == Self.requests.map(\.output))
    for request in outcome.requests {
      #expect(request.sent <= request.firstToken && request.firstToken <= request.lastToken)
    }
    #expect(outcome.requests.prefix(3).map(\.sent) == [0, 0, 0])
    #expect(outcome.tokenSteps == Self.requests.reduce(0) { $0 + $1.input + $1.output - 1 })
    #expect(outcome.mostSequences == 3)
  }

  /// Whatever runs beside a request, and however its prompt is cut, it gets the same tokens.
  @Test func requestsDoNotHearOfEachOther() throws {
    let together = try serve(Self.requests, clients: 3, chunk: 8).answers
    let alone = try serve(Self.requests, clients: 1, chunk: 64).answers
    #expect(together == alone)
    #expect(Set(together.joined()).count > 10)
  }

  @Test func greedyTokensAreTheLikeliest() {
    func token(_ logits: [Float]) -> Int { logits.withUnsafeBufferPointer(Greedy.token) }
    for count in [1, 15, 16, 17, 100] {
      for place in [0, count / 2, count - 1] {
        var logits = (0..<count).map { -1 - Float($0 % 7) }
        logits[place] = -0.5
        #expect(token(logits) == place)
      }
    }
    #expect(token([1, 3, 3, 2]) == 1)
  }

  @Test func recordsHoldWhatWasMeasured() throws {
    var settings = ThroughputBench.Settings()
    settings.repetitions = 2
    settings.chunk = 16
    settings.threads = 1
    let loads = try ServingLoads(
      [1, 3], LengthDistribution(input: 12, output: 5, least: 0.5), requests: 12)
    let subjects = try (1...2).map { ModelSubject(try randomLlama(seed: $0).validated()) }
    let records = try LoadBench(loads, settings, report: { _ in }).run(subjects).records
    #expect(
      records.map(\.measurement.architecture) == ["random-1", "random-1", "random-2", "random-2"])
    #expect(records.map(\.measurement.concurrency) == [1, 3, 1, 3])
    let asked = try LengthDistribution(input: 12, output: 5, least: 0.5).requests(12, seed: 0)
    for record in records {
      let measured = record.measurement
      #expect(measured.requestsSent == 12 && measured.warmUp == measured.concurrency)
      #expect(record.figures.requests == 2 * (12 - measured.warmUp))
      #expect(measured.rounds.count == 2)
      #expect(measured.rounds.map(\.circumstances.block) == [0, 1])
      let seconds = measured.rounds.reduce(0) { $0 + $1.seconds }
      let tokens = 2 * asked.dropFirst(measured.warmUp).reduce(0) { $0 + $1.output }
      #expect(abs(record.figures.outputTokensPerSecond * seconds / Double(tokens) - 1) < 1e-9)
      let shares = record.figures.timeShares
      #expect(abs(shares.queue + shares.prefill + shares.decode + shares.host - 1) < 1e-9)
      #expect(shares.collectives == 0)
      // Two rounds of three blocks are too few for an interval.
      let interval = measured.interval95.ttftS
      #expect((interval != nil) == (measured.concurrency == 1))
      if let interval {
        #expect(
          interval[0] <= record.figures.ttftS.mean && record.figures.ttftS.mean <= interval[1])
      }
    }
    // One object, which reads back, and a table.
    let text = try RecordText.encode(records[0])
    let value = try JSONValue(parsing: .init(text.utf8))
    for key in ["ttft_s", "tpot_s", "concurrency", "type_weights", "limits", "rounds"] {
      guard case .object(let fields) = value, fields[key] != nil else {
        Issue.record("no \(key)")
        continue
      }
    }
    let again = try RecordText.decode(LoadRecord.self, .init(text.utf8))
    #expect(again.figures == records[0].figures)
    let table = LoadTable.rendered(records)
    #expect(table.contains("random-2") && table.contains("2 rounds of every load"))
  }

  /// A stop ends a run between two loops, with the rounds that there are.
  @Test func aStopKeepsTheRounds() throws {
    var settings = ThroughputBench.Settings()
    settings.repetitions = 1000
    settings.chunk = 16
    settings.threads = 1
    let loads = try ServingLoads(
      [1, 3], LengthDistribution(input: 12, output: 5), requests: 12)
    let subject = ModelSubject(try randomLlama(seed: 1).validated())
    var begun = 0
    let records = try LoadBench(
      loads, settings, stopped: { begun >= 5 },
      report: { if $0.hasPrefix("[") { begun += 1 } }
    ).run([subject]).records
    #expect(records.map(\.measurement.rounds.count).sorted() == [2, 3])
    for record in records {
      let measured = record.measurement
      #expect(record.figures.requests == measured.rounds.count * (12 - measured.warmUp))
    }
    // Before the first there is nothing to keep, and nothing to refuse either.
    settings.repetitions = nil
    settings.longestSeconds = 1e-9
    let none = try LoadBench(loads, settings, stopped: { true }, report: { _ in }).run([subject])
    #expect(none.records.isEmpty)
  }

  @Test func tooManyPositionsAreRefused() throws {
    var architecture = try randomLlama(seed: 1).validated()
    architecture.name = "short"
    architecture.learnedPositions = 16
    let loads = try ServingLoads([1], LengthDistribution(input: 12, output: 5))
    #expect(throws: InputError.self) {
      try LoadBench(loads, .init(), report: { _ in }).run([ModelSubject(architecture)])
    }
  }
}
