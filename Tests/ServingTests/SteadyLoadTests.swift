import CostModel
import Formats
import Input
import Model
import Requests
import Serving
import Testing

/// A second a step, and a tenth for each token of a prompt.
private final class HandTimes: StepTimes {
  func seconds(_ step: StepContents) -> StepSeconds {
    StepSeconds(compute: 1 + 0.1 * Double(step.chunks.reduce(0) { $0 + $1.new }))
  }
}

private func steady(
  _ policy: PolicyKind, stepTokens: Int = 64, sequences: Int = 8, positions: Int = 4096
) throws -> SteadyLoad {
  SteadyLoad(
    HandTimes(), .none,
    Deployment(
      policy: policy, stepTokens: stepTokens, mostSequences: sequences, cachePositions: positions),
    try LengthDistribution(input: 10, output: 4))
}

@Suite("Steady states in closed form")
struct SteadyLoadTests {
  @Test("alone, a request takes its prompt's step and one for each further token")
  func alone() throws {
    let state = try steady(.vllm).closedLoop(1)
    // 2 s for the prompt, three steps of 1 s.
    #expect(abs(state.latency - 5) < 1e-9 && abs(state.timeToFirstToken - 2) < 1e-9)
    #expect(abs(state.timePerOutputToken - 1) < 1e-9)
  }

  @Test("prompts in steps of their own make turns longer than prompts beside decodes")
  func policies() throws {
    // Two requests: 4 steps of which two hold a prompt, or 4 steps of decodes and two of prompts.
    #expect(abs(try steady(.vllm).closedLoop(2).requestsPerSecond - 2 / 6.0) < 1e-9)
    #expect(abs(try steady(.sglang).closedLoop(2).requestsPerSecond - 2 / 8.0) < 1e-9)
  }

  @Test("what places or cache do not hold waits, by Little's law")
  func waiting() throws {
    let load = try steady(.tensorRT, sequences: 2)
    let (held, asked) = (load.closedLoop(2), load.closedLoop(6))
    #expect(asked.sequences == 2 && asked.requestsPerSecond == held.requestsPerSecond)
    #expect(abs(asked.latency - 6 / held.requestsPerSecond) < 1e-9)
    #expect(asked.timePerOutputToken < held.timePerOutputToken + 1e-9)
    // One sequence of 14 positions takes a block of 16.
    #expect(try steady(.tensorRT, positions: 48).mostSequences == 3)
  }

  @Test("rates: as many sequences as make them, none beyond the busiest")
  func rates() throws {
    let load = try steady(.vllm)
    let most = load.closedLoop(8).requestsPerSecond
    #expect(load.rate(1.01 * most) == nil)
    let state = try #require(load.rate(0.5 * most))
    #expect(state.sequences < 8 && state.requestsPerSecond == 0.5 * most)
    // TPOT of n clients is at most that of more.
    let level = ServiceLevel(timePerOutputToken: load.closedLoop(4).timePerOutputToken)
    #expect(load.highestRate(under: level).sequences >= 4)
    let impossible = ServiceLevel(timePerOutputToken: 0.5)
    let nearest = load.highestRate(under: impossible)
    #expect(nearest.sequences == 1 && impossible.excess(nearest) > 1)
  }

  /// What a search under load rests on: candidates are chosen by closed forms and ranked by simulation.
  @Test(
    "the closed form is near the simulation",
    arguments: [ServingEngine.vllm, .sglang, .tensorRT], [1, 8, 64])
  func nearSimulation(_ engine: ServingEngine, _ clients: Int) throws {
    let predictor = try Predictor(DeviceZoo.resolve("h100-sxm"), engine, Predictor.Settings())
    let lengths = try LengthDistribution(input: 2048, output: 256, least: 0.8)
    let served = try ServingPredictor(
      predictor, Zoo.shipped().architecture(named: "llama-3.1-8b"), ServingSetup(engine),
      longest: (2048, 256), concurrency: clients)
    let outcome = try served.run(
      lengths.requests(10 * clients, seed: 1), .closedLoop(concurrency: clients))
    let state = served.steady(lengths).closedLoop(clients)
    let rate = state.requestsPerSecond / outcome.requestsPerSecond
    #expect((0.85...1.25).contains(rate), "\(rate)")
    let token = state.timePerOutputToken / outcome.timePerOutputToken.mean
    #expect((0.75...1.3).contains(token), "\(token)")
  }
}

@Suite("How loads are written")
struct LoadTextTests {
  @Test func ratesPricesAndLevels() {
    #expect(RequestRate("90/min")?.perSecond == 1.5 && RequestRate("2")?.perSecond == 2)
    #expect(RequestRate("2/week") == nil && RequestRate("-1/s") == nil)
    #expect(HourlyPrice("2.5/h")?.perHour == 2.5 && HourlyPrice("free") == nil)
    // 7.2 an hour on two devices are 0.004 a second; of 100 tokens a second.
    #expect(abs(HourlyPrice("7.2/h")!.perMillionTokens(100, devices: 2) - 40) < 1e-9)
    let level = ServiceLevel("ttft=500ms,tpot=30ms,latency=10s")
    #expect(level?.timeToFirstToken == 0.5 && level?.latency == 10)
    #expect(level?.description == "ttft=500ms,tpot=30ms,latency=10s")
    for wrong in ["", "ttft", "ttft=1s,ttft=2s", "speed=1s", "tpot=fast"] {
      #expect(ServiceLevel(wrong) == nil, "\(wrong)")
    }
  }
}
