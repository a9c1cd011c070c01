import Input
import Requests
import Serving
import Testing

/// Step times worked out by hand: a second a step, and a tenth for each token of a prompt.
private final class HandTimes: StepTimes {
  let base: Double
  let token: Double
  private(set) var steps: [StepContents] = []

  init(base: Double = 1, token: Double = 0.1) {
    self.base = base
    self.token = token
  }

  func seconds(_ step: StepContents) -> StepSeconds {
    steps.append(step)
    return StepSeconds(compute: base + token * Double(step.chunks.reduce(0) { $0 + $1.new }))
  }
}

private func deployment(
  _ policy: PolicyKind, stepTokens: Int = 64, sequences: Int = 8, positions: Int = 4096,
  block: Int = 16
) -> Deployment {
  Deployment(
    policy: policy, stepTokens: stepTokens, mostSequences: sequences, cachePositions: positions,
    blockPositions: block)
}

private func served(_ count: Int, _ input: Int, _ output: Int) -> [ServingRequest] {
  Array(repeating: ServingRequest(input: input, output: output), count: count)
}

private func isNear(_ left: Double, _ right: Double) -> Bool { abs(left - right) < 1e-9 }

@Suite("Serving, worked by hand")
struct HandWorkedServingTests {
  @Test("one request: a prompt's step, then one for each further token")
  func single() throws {
    let times = HandTimes()
    let outcome = try Simulation(times, .none, deployment(.vllm)).run(
      served(1, 10, 4), .closedLoop(concurrency: 1))
    // 1 + 10·0.1 s for the prompt, three steps of 1 s.
    #expect(isNear(outcome.timeToFirstToken.mean, 2))
    #expect(isNear(outcome.timePerOutputToken.mean, 1))
    #expect(isNear(outcome.seconds, 5))
    #expect(isNear(outcome.outputTokensPerSecond, 0.8))
    #expect(times.steps.map(\.context) == [0, 11, 12, 13])
  }

  @Test("vLLM: the second prompt is cut by the budget and computed beside the first's decode")
  func mixed() throws {
    let times = HandTimes()
    let outcome = try Simulation(times, .none, deployment(.vllm, stepTokens: 12)).run(
      served(2, 10, 3), .closedLoop(concurrency: 2))
    #expect(
      times.steps.map(\.chunks) == [
        [PromptChunk(cached: 0, new: 10), PromptChunk(cached: 0, new: 2)],
        [PromptChunk(cached: 2, new: 8)], [], [],
      ])
    #expect(times.steps.map(\.decodes) == [0, 1, 2, 1])
    // Steps end at 2.2, 4.0, 5.0 and 6.0 s.
    #expect(isNear(outcome.requests[0].firstToken, 2.2))
    #expect(isNear(outcome.requests[0].lastToken, 5))
    #expect(isNear(outcome.requests[1].firstToken, 4))
    #expect(isNear(outcome.requests[1].lastToken, 6))
    // Gaps: 1.8 of the first's, then 1 of each.
    #expect(isNear(outcome.interTokenLatency.mean, (1.8 + 1 + 1 + 1) / 4))
  }

  @Test("SGLang: a prompt's step holds no decodes")
  func prefillFirst() throws {
    let times = HandTimes()
    let outcome = try Simulation(times, .none, deployment(.sglang, stepTokens: 12)).run(
      served(2, 10, 3), .closedLoop(concurrency: 2))
    #expect(times.steps.map(\.decodes) == [0, 0, 2, 2])
    #expect(times.steps[1].chunks == [PromptChunk(cached: 2, new: 8)])
    #expect(isNear(outcome.requests[0].firstToken, 2.2))
    #expect(isNear(outcome.requests[1].firstToken, 4))
    #expect(isNear(outcome.requests[0].lastToken, 6))
  }

  @Test("TensorRT-LLM: prompts are never cut, and wait for a step that has room")
  func wholePrompts() throws {
    let times = HandTimes()
    _ = try Simulation(times, .none, deployment(.tensorRT, stepTokens: 12)).run(
      served(2, 10, 3), .closedLoop(concurrency: 2))
    #expect(
      times.steps.map(\.chunks) == [
        [PromptChunk(cached: 0, new: 10)], [PromptChunk(cached: 0, new: 10)], [], [],
      ])
    #expect(times.steps.map(\.decodes) == [0, 1, 2, 1])
  }

  @Test("TensorRT-LLM: a request waits until all that it may make is free")
  func reservation() throws {
    // Two requests of 32 positions each; the cache holds 48: one at a time.
    let outcome = try Simulation(
      HandTimes(), .none, deployment(.tensorRT, positions: 48)
    ).run(served(2, 16, 16), .closedLoop(concurrency: 2))
    #expect(outcome.mostSequences == 1)
    #expect(outcome.requests[1].firstToken > outcome.requests[0].lastToken)
    #expect(outcome.preemptions == 0)
  }

  @Test("vLLM: what does not fit is dropped and computed again, its tokens as part of the prompt")
  func preemption() throws {
    // Blocks of 16; 4 in all. Two prompts of 16 hold a block each, and take two more for their
    // second and eighteenth token.
    let times = HandTimes()
    let outcome = try Simulation(times, .none, deployment(.vllm, positions: 64)).run(
      served(2, 16, 20), .closedLoop(concurrency: 2))
    #expect(outcome.preemptions == 1)
    // 16 tokens were made with two blocks: the 17th decode finds none. The prompt is 16 + 17.
    #expect(times.steps.contains { $0.chunks == [PromptChunk(cached: 0, new: 33)] })
    #expect(outcome.requests.map(\.output) == [20, 20])
    #expect(outcome.cacheShare == 1)
  }

  @Test("static: the next batch begins when the last one has ended")
  func batches() throws {
    let times = HandTimes()
    let outcome = try Simulation(times, .none, deployment(.staticBatches, sequences: 2, block: 1))
      .run(served(3, 10, 3), .closedLoop(concurrency: 3))
    #expect(times.steps.map(\.decodes) == [0, 2, 2, 0, 1, 1])
    #expect(isNear(outcome.requests[2].firstToken, 3 + 2 + 2))
  }

  @Test("Dyno: one chunk of one prompt a step")
  func dyno() throws {
    let times = HandTimes()
    _ = try Simulation(times, .none, deployment(.dyno, stepTokens: 8, block: 1)).run(
      served(2, 10, 2), .closedLoop(concurrency: 2))
    #expect(times.steps.map { $0.chunks.first?.new ?? 0 } == [8, 2, 8, 2, 0])
    #expect(times.steps.map(\.decodes) == [0, 0, 1, 0, 1])
  }

  @Test("host constants: what each adds to two steps")
  func host() throws {
    let host = HostConstants(
      factor: 2, step: 0.25, prefill: 0.5, sequence: 0, request: 0.125, token: 0.0625)
    let outcome = try Simulation(HandTimes(), host, deployment(.vllm)).run(
      served(1, 10, 2), .closedLoop(concurrency: 1))
    // Front end 0.125; 2·2 + 0.25 + 0.5; its token 0.0625; then 2·1 + 0.25 and the token.
    #expect(isNear(outcome.requests[0].firstToken, 0.125 + 4.75 + 0.0625))
    #expect(isNear(outcome.requests[0].lastToken, 0.125 + 4.75 + 2.25 + 0.0625))
    let slow = try Simulation(HandTimes(), HostConstants(sequence: 3), deployment(.vllm)).run(
      served(1, 10, 2), .closedLoop(concurrency: 1))
    // A sequence's own 3 s hide the device's 2 and 1.
    #expect(isNear(slow.requests[0].lastToken, 6))
  }

  @Test("a prompt's beginning that is cached is not computed again")
  func prefix() throws {
    let times = HandTimes()
    let shared = ServingRequest.Prefix(name: "system", tokens: 40)
    let requests = (0..<2).map { _ in ServingRequest(input: 50, output: 2, prefix: shared) }
    _ = try Simulation(times, .none, deployment(.vllm)).run(requests, .closedLoop(concurrency: 1))
    // Whole blocks only: 32 of the 40 positions.
    #expect(
      times.steps.flatMap(\.chunks) == [
        PromptChunk(cached: 0, new: 50), PromptChunk(cached: 32, new: 18),
      ])
  }

  @Test("arrivals: a late request is alone, and its time counts from its arrival")
  func arrivals() throws {
    var requests = served(2, 10, 2)
    requests[1].arrival = 100
    let outcome = try Simulation(HandTimes(), .none, deployment(.vllm)).run(requests, .open)
    #expect(isNear(outcome.requests[1].timeToFirstToken, 2))
    #expect(isNear(outcome.seconds, 103))
  }

  @Test("what cannot be served is refused")
  func refused() {
    let simulation = Simulation(HandTimes(), .none, deployment(.vllm, positions: 32))
    #expect(throws: InputError.self) {
      try simulation.run(served(1, 30, 10), .closedLoop(concurrency: 1))
    }
    #expect(throws: InputError.self) { try simulation.run([], .open) }
    #expect(throws: InputError.self) {
      try simulation.run(
        [
          ServingRequest(input: 1, output: 1, arrival: 2),
          ServingRequest(input: 1, output: 1, arrival: 1),
        ], .open)
    }
  }
}

@Suite("Serving, whatever comes")
struct ServingPropertyTests {
  @Test(
    "tokens are conserved, blocks bounded, causes sum up, and nobody is served before asking",
    arguments: PolicyKind.allCases, [UInt64(1), 2, 3])
  func invariants(_ policy: PolicyKind, _ seed: UInt64) throws {
    let lengths = try LengthDistribution(input: 300, output: 80, least: 0.05)
    let plain = lengths.requests(150, seed: seed)
    let shared = plain.enumerated().map { index, request in
      var request = request
      request.prefix = .init(name: "\(index % 5)", tokens: min(request.input, 64))
      return request
    }
    let loads: [([ServingRequest], Simulation.Load)] = [
      (plain, .closedLoop(concurrency: 12)), (shared, .closedLoop(concurrency: 12)),
      (try ArrivalProcess(rate: 0.4, burstiness: 0.5).timed(shared, seed: seed), .open),
    ]
    for (requests, load) in loads {
      let times = HandTimes(base: 0.02, token: 0.001)
      let host = HostConstants(step: 0.001, request: 0.003, token: 1e-4)
      let deployment = Deployment(
        policy: policy, stepTokens: 128, mostSequences: 10, cachePositions: 1024,
        blockPositions: policy.blockPositions)
      let outcome = try Simulation(times, host, deployment).run(requests, load)
      // Without drops each request's tokens but the first are decoded once. Of a dropped one, those that
      // were made are not made again: its prompt gives the next.
      let decoded = times.steps.reduce(0) { $0 + $1.decodes }
      let finished = times.steps.reduce(0) { $0 + $1.finishedPrompts }
      #expect(decoded + finished == requests.reduce(0) { $0 + $1.output })
      let read = times.steps.reduce(0) { $0 + $1.chunks.reduce(0) { $0 + $1.new } }
      let asked = requests.reduce(0) { $0 + $1.input }
      if outcome.preemptions == 0, requests.allSatisfy({ $0.prefix == nil }) {
        #expect(read == asked)
      }
      #expect(outcome.cacheShare <= 1)
      #expect(outcome.mostSequences <= 10)
      #expect(times.steps.allSatisfy { $0.decodes <= 10 })
      #expect(outcome.requests.count == requests.count)
      for request in outcome.requests {
        #expect(request.firstToken > request.sent)
        #expect(request.lastToken >= request.firstToken)
      }
      #expect(outcome.busySeconds <= outcome.seconds + 1e-9)
      let again = try Simulation(
        HandTimes(base: 0.02, token: 0.001), host, deployment
      ).run(requests, load)
      #expect(again.requests == outcome.requests)
    }
  }

  @Test("arrivals have the rate and the spread that were asked for", arguments: [0.5, 1, 4])
  func arrivals(_ burstiness: Double) throws {
    let requests = try ArrivalProcess(rate: 5, burstiness: burstiness).timed(
      served(20_000, 1, 1), seed: 3)
    var gaps: [Double] = []
    for (before, after) in zip(requests, requests.dropFirst()) {
      gaps.append(after.arrival - before.arrival)
    }
    let mean = gaps.reduce(0, +) / Double(gaps.count)
    let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
    #expect(abs(mean * 5 - 1) < 0.05)
    // Of a gamma distribution the variance is the mean's square over the shape.
    #expect(abs(variance * burstiness / (mean * mean) - 1) < 0.12)
  }
}
