import CostModel
import Foundation
import Input
import Reports
import Requests
import Search
import Serving
import TestSupport
import Testing

/// Searches of servers under load.
@Suite struct LoadTests {
  private func problem(_ change: (inout SearchSpec) -> Void) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = "llama-3.2-1b"
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "llama-3.2-1b"
    spec.devices = ["h100-sxm"]
    spec.workloads = [ServingWorkload(prompt: 512, generate: 64, batch: 1)]
    spec.hiddenMultiple = 512
    spec.intermediateMultiple = 512
    spec.tolerance = 0.03
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  private func found(_ problem: SearchProblem) throws -> ArchitectureSearch.Result {
    try ArchitectureSearch(problem).run { _ in }
  }

  /// The winner is what simulating every candidate would give.
  @Test func theFastestUnderClientsIsFound() throws {
    let problem = try problem { $0.load.concurrencies = [16] }
    #expect(problem.scenarios[0].workload.batch == 16)
    let result = try found(problem)
    let simulation = try #require(result.simulation)
    #expect(simulation.simulated > 0 && simulation.isSettled && result.baseline.logGain == 0)
    #expect((simulation.rankCorrelation ?? 1) > 0.8)
    let predictor = try Predictor(
      problem.scenarios[0].profile, .vllm, problem.scenarios[0].settings)
    let lengths = try LengthDistribution(input: 512, output: 64)
    func throughput(_ shape: Shape) throws -> Double {
      let served = try ServingPredictor(
        predictor, shape.architecture(like: problem.baseline), ServingSetup(.vllm),
        longest: (512, 64), concurrency: 16)
      return try served.run(lengths.requests(160, seed: 0), .closedLoop(concurrency: 16))
        .outputTokensPerSecond
    }
    var best = 0.0
    problem.space.visitShapes { shape in
      if problem.admits(shape) { best = max(best, (try? throughput(shape)) ?? 0) }
    }
    let fastest = result.candidates.map { $0.served[0].outputTokensPerSecond }.max() ?? 0
    #expect(abs(fastest / best - 1) < 1e-9, "\(fastest) of \(best)")
  }

  @Test func candidatesThatMissTheLevelAreOut() throws {
    let free = try found(problem { $0.load.concurrencies = [16] })
    let times = free.contenders.compactMap { $0.served[0].load?.timePerOutputToken.p90 }.sorted()
    let limit = try #require(times.first) * 1.02
    let level = ServiceLevel(timePerOutputToken: limit)
    let result = try found(
      problem {
        $0.load.concurrencies = [16]
        $0.load.level = level
      })
    #expect(result.candidates.allSatisfy { $0.meetsLevels })
    #expect(
      result.candidates.allSatisfy { ($0.served[0].load?.timePerOutputToken.p90 ?? 1) <= limit })
    let error = #expect(throws: InputError.self) {
      try found(
        problem {
          $0.load.concurrencies = [16]
          $0.load.level = ServiceLevel(timePerOutputToken: 1e-5)
        })
    }
    #expect(error?.location == ["slo"] && error?.description.contains("the nearest, d") == true)
  }

  @Test func costsAndRates() throws {
    let cheapest = try found(
      problem {
        $0.load.concurrencies = [16]
        $0.load.price = HourlyPrice("2.5/h")
        $0.load.objective = .cost
      })
    let served = try #require(cheapest.candidates.first?.served.first?.load)
    let cost = try #require(served.costPerMillionOutputTokens)
    #expect(abs(cost - 2.5e6 / 3600 / served.outputTokensPerSecond) < 1e-9)
    let rates = try found(
      problem { $0.load.level = ServiceLevel(timeToFirstToken: 0.5, timePerOutputToken: 0.02) })
    let best = try #require(rates.candidates.first?.served.first?.load)
    #expect(best.requestsPerSecond > 0 && best.meetsLevel && (best.attainment ?? 0) >= 0.9)
    let text = SearchReport(rates).table
    #expect(text.contains("the highest rate under the service level"))
    let slow = try found(problem { $0.load.rate = RequestRate("5/s") })
    #expect(slow.problem.scenarios[0].load?.objective == .latency)
  }

  /// A cache of fixed size holds every client's sequence, or the server does not start: what a device
  /// has no room for is left out, however fast it would be, and the search goes on.
  @Test func whatAFixedCacheDoesNotHoldIsLeftOut() throws {
    var problem = try problem {
      $0.engine = "llama.cpp"
      $0.cacheDType = .f16
      $0.load.concurrencies = [64]
    }
    let scenario = problem.scenarios[0]
    func holds(_ bytes: Double) throws -> Bool {
      var profile = scenario.profile
      profile.limits.memoryCapacity = bytes
      return try Predictor(profile, scenario.engine, scenario.settings)
        .peakMemoryBytes(problem.baseline, scenario.workload) != nil
    }
    let enough = try stride(from: 2e9, to: 40e9, by: 0.05e9).first(where: holds)
    problem.scenarios[0].profile.limits.memoryCapacity = try #require(enough)
    let result = try found(problem)
    #expect(result.unfitting > 0 && !result.candidates.isEmpty)
  }

  /// Whatever does not fit, the refusal says what would. In 3 GB the static batch does not, in 3.7 GB
  /// the server's larger steps leave no cache.
  @Test(arguments: [3e9, 3.7e9]) func refusalsSayWhatWouldFit(bytes: Double) throws {
    var problem = try problem {
      $0.engine = "tensorrt-llm"
      $0.load.concurrencies = [1]
    }
    problem.scenarios[0].profile.limits.memoryCapacity = bytes
    let scenarios = problem.scenarios
    let baseline = problem.baseline
    let error = #expect(throws: InputError.self) {
      try ScenarioPricer(scenarios, .worst, baseline: baseline)
    }
    #expect(
      error?.expected?.contains("a smaller model or dtype") == true, "\(String(describing: error))")
  }

  @Test(
    arguments: [
      ("price", "price: 2/h"), ("objective", "concurrency: 4\nobjective: rate"),
      ("price", "concurrency: 4\nobjective: cost"),
      ("objective", "rate: 1/s\nobjective: throughput"),
      ("concurrency, rate", "concurrency: 4\nrate: 1/s"), ("batch", "concurrency: 4\nbatch: 4"),
      ("decode_depth", "concurrency: 4\ndecode_depth: 512"), ("dtype", "dtype: f32"),
      ("cache_dtype", "cache_dtype: q8_0"), ("length_range", "concurrency: 4\nlength_range: 2"),
    ])
  func contradictionsAreRefused(_ field: String, _ lines: String) throws {
    let error = #expect(throws: InputError.self) {
      try SearchSpec(
        """
        parameters: llama-3.2-1b
        tokens: 100B
        law: conditional-80m-297m
        target_loss: llama-3.2-1b
        device: h100-sxm
        \(lines)
        """, folder: Files.fixtures
      ).problem(device: DeviceZoo.resolve)
    }
    #expect(error?.location.first == field, "\(String(describing: error))")
  }

  @Test func filesNameLoads() throws {
    let spec = try SearchSpec(
      """
      parameters: llama-3.2-1b
      tokens: 100B
      law: conditional-80m-297m
      target_loss: llama-3.2-1b
      dtype: fp8
      cache_dtype: fp8
      slo: "ttft=500ms,tpot=30ms"
      length_range: 0.8
      price: 2.5/h
      scenarios:
        - {device: h100-sxm, workload: 1024x128, concurrency: [8, 32]}
        - {device: h200-sxm, workload: 1024x128, rate: 2/s, slo: "tpot=20ms", price: 3.5/h}
        - {device: h200-sxm, workload: 1024x128}
      """, folder: Files.fixtures)
    let loads = try spec.problem(device: DeviceZoo.resolve).scenarios.compactMap(\.load)
    #expect(
      loads.map(\.demand) == [
        .closedLoop(concurrency: 8), .closedLoop(concurrency: 32), .rate(2), .highestRate,
      ])
    #expect(loads.map { $0.price?.perHour } == [2.5, 2.5, 3.5, 2.5])
    #expect(
      loads[2].level == ServiceLevel(timePerOutputToken: 0.02) && loads[0].lengths.least == 0.8)
  }
}
