import Harness
import Requests
import Serving
import Testing

/// The engine's scheduler and its books, on a machine whose time is counted rather than spent, beside
/// the simulation of the same policy.
@Suite struct LoadLoopTests {
  /// Whole nanoseconds of a step: more with each token and each position.
  private static func nanoseconds(_ step: StepContents) -> Int {
    let prompt = step.chunks.reduce(0) { $0 + 7_000 * $1.new + 11 * $1.cached }
    return 1_000_003 + prompt + 90_001 * step.decodes + 13 * step.context
  }

  private final class Times: StepTimes {
    private(set) var steps: [StepContents] = []

    func seconds(_ step: StepContents) -> StepSeconds {
      steps.append(step)
      return StepSeconds(compute: Double(LoadLoopTests.nanoseconds(step)) * 1e-9)
    }
  }

  /// Takes as long as the simulation thinks.
  private final class Stage: ServingStage {
    private(set) var steps: [StepContents] = []
    private(set) var scheduled: [ScheduledStep] = []
    private var time = 42

    func nanoseconds() -> Int { time }

    func run(_ step: ScheduledStep) throws -> Int {
      let contents = StepContents(
        chunks: step.chunk.map { [PromptChunk(cached: $0.cached, new: $0.new)] } ?? [],
        finishedPrompts: step.endsPrompt ? 1 : 0, decodes: step.decodes.count,
        context: step.decodes.reduce(0) { $0 + $1.cached + 1 })
      steps.append(contents)
      scheduled.append(step)
      let taken = LoadLoopTests.nanoseconds(contents)
      time += taken
      return taken
    }
  }

  private struct Case {
    var clients: Int
    var chunk: Int
    var requests: [ServingRequest]
  }

  /// Of few clients and many, prompts of less than a chunk and of several, answers of one token.
  private static let cases: [Case] = {
    var cases = [
      Case(
        clients: 3, chunk: 8,
        requests: [(20, 1), (3, 1), (8, 2), (9, 5), (1, 1), (16, 3)].map {
          ServingRequest(input: $0.0, output: $0.1)
        })
    ]
    for (clients, chunk, input, output, least) in [
      (1, 64, 128, 16, 1.0), (4, 512, 128, 64, 1), (16, 512, 128, 64, 0.5), (5, 7, 40, 3, 0.1),
      (9, 100, 100, 2, 0.3), (32, 16, 50, 20, 0.2),
    ] {
      let lengths = try! LengthDistribution(input: input, output: output, least: least)
      cases.append(
        Case(
          clients: clients, chunk: chunk, requests: lengths.requests(6 * clients + 1, seed: 5)))
    }
    return cases
  }()

  @Test("engine and simulation make the same steps, and see the same times", arguments: 0..<7)
  func agreesWithSimulation(_ index: Int) throws {
    let one = Self.cases[index]
    let warmUp = index % 3
    let times = Times()
    let deployment = Deployment(
      policy: .dyno, stepTokens: one.chunk, mostSequences: one.clients, cachePositions: 1 << 20,
      blockPositions: 1)
    let expected = try Simulation(times, .none, deployment).run(
      one.requests, .closedLoop(concurrency: one.clients), warmUp: warmUp)
    let stage = Stage()
    let found = try ServingLoop(
      ServingLoad(clients: one.clients, requests: one.requests, warmUp: warmUp), chunk: one.chunk
    ).run(on: stage)
    #expect(stage.steps.map(\.chunks) == times.steps.map(\.chunks))
    #expect(stage.steps.map(\.finishedPrompts) == times.steps.map(\.finishedPrompts))
    #expect(stage.steps.map(\.decodes) == times.steps.map(\.decodes))
    #expect(stage.steps.map(\.context) == times.steps.map(\.context))

    func near(_ left: Double, _ right: Double) -> Bool { abs(left - right) < 1e-9 * (1 + right) }
    #expect(found.requests.count == expected.requests.count)
    for (one, other) in zip(found.requests, expected.requests) {
      #expect(one.input == other.input && one.output == other.output)
      #expect(near(one.sent, other.sent) && near(one.firstToken, other.firstToken))
      #expect(near(one.lastToken, other.lastToken))
    }
    for path in [
      \ServingOutcome.seconds, \.busySeconds, \.causes.queue, \.causes.prefill, \.causes.decode,
      \.causes.host, \.interTokenLatency.mean, \.interTokenLatency.p50, \.interTokenLatency.p99,
      \.timePerOutputToken.p90, \.outputTokensPerSecond,
    ] {
      #expect(near(found[keyPath: path], expected[keyPath: path]), "\(path)")
    }
    #expect(found.steps == expected.steps && found.tokenSteps == expected.tokenSteps)
    #expect(found.mostSequences == expected.mostSequences)
  }

  @Test func slotsAreNeverShared() throws {
    for one in Self.cases {
      let stage = Stage()
      _ = try ServingLoop(
        ServingLoad(clients: one.clients, requests: one.requests), chunk: one.chunk
      ).run(on: stage)
      var holders: [Int: Int] = [:]
      var positions: [Int: Int] = [:]
      for step in stage.scheduled {
        let parts = step.decodes + [step.chunk].compactMap(\.self)
        #expect(Set(parts.map(\.slot)).count == parts.count)
        for part in parts {
          #expect((0..<one.clients).contains(part.slot))
          if holders[part.slot] != part.request {
            #expect(part.cached == 0)
            holders[part.slot] = part.request
          } else {
            #expect(part.cached == positions[part.slot])
          }
          positions[part.slot] = part.cached + part.new
        }
      }
      #expect(Set(stage.scheduled.compactMap(\.begun)) == Set(one.requests.indices))
    }
  }
}
