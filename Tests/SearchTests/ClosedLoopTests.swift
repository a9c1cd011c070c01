import CostModel
import Foundation
import Input
import Model
import Numerics
import Records
import Reports
import Search
import TestSupport
import Testing

@Suite struct BeliefTests {
  private let prior = GainBelief(
    mean: [0.1, 0.2, 0.0],
    covariance: [[0.04, 0.03, 0.0], [0.03, 0.05, 0.01], [0.0, 0.01, 0.02]])

  /// One by one is the same as all at once: `m + K(K + R)⁻¹(y − m)`.
  @Test func observationsConditionTheGaussian() throws {
    var belief = prior
    belief.observe(0, 0.3, variance: 0.001)
    belief.observe(2, -0.1, variance: 0.004)
    let k = prior.covariance
    let (a, b, c) = (k[0][0] + 0.001, k[0][2], k[2][2] + 0.004)
    let determinant = a * c - b * b
    let (first, second) = (0.3 - 0.1, -0.1)
    let weights = ((c * first - b * second) / determinant, (a * second - b * first) / determinant)
    for index in 0..<3 {
      let expected = prior.mean[index] + k[index][0] * weights.0 + k[index][2] * weights.1
      #expect(abs(belief.mean[index] - expected) < 1e-12)
    }
    #expect(belief.deviation(0) < 0.0316 && belief.deviation(1) < prior.deviation(1))
  }

  @Test func whatIsSurelySlowerIsNotWorthMeasuring() {
    let belief = GainBelief(
      mean: [0.2, 0.19, -1], covariance: [[1e-6, 0, 0], [0, 0.01, 0], [0, 0, 0.01]])
    let values = (0..<3).map { KnowledgeGradient.value(belief, of: $0, noise: 1e-4) }
    #expect(values[1] > 0.01 && values[0] < 1e-4 && values[2] < 1e-9)
    #expect(KnowledgeGradient.batch(belief, count: 2, noise: 1e-4)[0].index == 1)
  }

  /// For two independent beliefs it is the expected maximum: `s·φ(z) + …`, here by its closed form.
  @Test func theKnowledgeGradientIsTheExpectedRise() {
    let belief = GainBelief(mean: [0, -0.05], covariance: [[0, 0], [0, 0.01]])
    let noise = 0.0025
    let deviation = 0.01 / (0.01 + noise).squareRoot()
    let z = -0.05 / deviation
    let density = exp(-z * z / 2) / (2 * Double.pi).squareRoot()
    let expected = deviation * (density + z * NormalDistribution.cumulative(z))
    #expect(abs(KnowledgeGradient.value(belief, of: 1, noise: noise) / expected - 1) < 0.02)
  }

  /// Near copies tell of one another, so a batch does not hold both.
  @Test func batchesSpread() {
    let belief = GainBelief(
      mean: [0.1, 0.1, 0.09],
      covariance: [[0.01, 0.00999, 0], [0.00999, 0.01, 0], [0, 0, 0.01]])
    let batch = KnowledgeGradient.batch(belief, count: 2, noise: 1e-5).map { $0.index }
    #expect(batch.contains(2))
  }
}

@Suite struct ClosedLoopTests {
  /// A machine whose coefficients are not the profile's, with noise.
  private final class Machine: GainMeasurer {
    let predictor: Predictor
    let scenario: Scenario
    let baseline: Architecture
    var generator = SeededGenerator(seed: 5)
    let noise: Double
    var visits = 0

    init(_ scenario: Scenario, baseline: Architecture, noise: Double) throws {
      self.scenario = scenario
      self.baseline = baseline
      self.noise = noise
      let nominal = try Predictor(scenario.profile, scenario.engine, scenario.settings)
      var logs = nominal.logCoefficients
      // Weights stream more slowly, keys and values faster than the profile says.
      logs[1] -= 0.25
      logs[2] += 0.2
      logs[0] -= 0.2
      let profile = nominal.recalibratedProfile(
        logCoefficients: logs, covariance: nominal.coefficientCovariance, provenance: "truth",
        samples: 1)
      predictor = try Predictor(profile, scenario.engine, scenario.settings)
    }

    func gain(_ architecture: Architecture) -> Double {
      let own = predictor.point(architecture, scenario.workload)!.outputTokensPerSecond
      return log(own / predictor.point(baseline, scenario.workload)!.outputTokensPerSecond)
    }

    func measure(_ candidates: [Architecture], round: Int) throws -> [GainMeasurement] {
      candidates.map { candidate in
        visits += 1
        let measured = gain(candidate) + noise * generator.normal()
        return GainMeasurement(
          shape: Shape(candidate), logGain: measured, standardError: noise, pairs: 20,
          throughput: 10 * exp(measured), baselineThroughput: 10, seconds: 1, round: round)
      }
    }
  }

  private func setUp() throws -> (Scenario, Architecture, [Architecture]) {
    let limits = DeviceLimits(
      kind: .cpu, peakFLOPs: [.bf16: 2e11], memoryBandwidth: 2e10, memoryCapacity: 2e10, units: 2,
      lastLevelCache: 3e7, linkBandwidth: 0, activationBytes: 4, clock: 1e9, sharedMemory: 0)
    let scenario = Scenario(
      profile: DeviceProfile(name: "host", limits: limits, sources: [:]), engine: .dyno,
      settings: Predictor.Settings(weights: .bf16, cache: .f16),
      workload: ServingWorkload(prompt: 0, generate: 1, depth: 4096, batch: 8))
    let baseline = Architecture(
      name: "baseline", hiddenSize: 1280, intermediateSize: 5120, layers: 16, queryHeads: 20,
      keyValueHeads: 5, headDimension: 64, vocabularySize: 128_256)
    var space = DesignSpace(parameters: 380e6, layers: [16], headDimensions: [64])
    space.gqa = .atMost(9)
    space.hiddenMultiple = 256
    space.rules = [try RuleExpression("x > 0.05 and x < 0.13 and r > 0.6 and r < 6")]
    var shapes: [Shape] = []
    space.visitShapes { shapes.append($0) }
    shapes.sort { $0.name < $1.name }
    let step = max(1, shapes.count / 44)
    let pool = stride(from: 0, to: shapes.count, by: step).prefix(44).map {
      shapes[$0].architecture(like: baseline)
    }
    return (scenario, baseline, Array(pool))
  }

  @Test func findsTheFastestWithFewMeasurements() throws {
    let (scenario, baseline, pool) = try setUp()
    let machine = try Machine(scenario, baseline: baseline, noise: 0.02)
    var settings = ClosedLoop.Settings()
    settings.mostVisits = pool.count / 4
    let outcome = try ClosedLoop(
      scenario, baseline: baseline, pool: pool, settings: settings, measurer: machine,
      report: { _ in }
    ).run()
    let truths = pool.map(machine.gain)
    let best = try #require(truths.max())
    #expect(best - truths.min()! > log(1.25))
    #expect(best - machine.gain(outcome.leader.architecture) < 0.02)
    #expect(outcome.visits <= pool.count / 4 && machine.visits == outcome.visits)
    #expect(outcome.leader.visits > 0)
  }

  @Test func coefficientsMoveTowardsTheTruth() throws {
    let (scenario, baseline, pool) = try setUp()
    let machine = try Machine(scenario, baseline: baseline, noise: 0.002)
    var model = try HostModel(scenario, baseline: baseline, pool: pool)
    let measured = try machine.measure(pool, round: 1)
    try model.calibrate(
      measured.enumerated().map { PooledGain(index: $0.offset, [$0.element]) })
    let names = model.coefficientNames
    // Ratios tell how the cache's bandwidth stands to the weights', not either alone.
    let memory = try #require(names.firstIndex(of: "memory"))
    let cache = try #require(names.firstIndex(of: "cache_memory"))
    let before = model.priorCoefficients[cache] - model.priorCoefficients[memory]
    let after = model.logCoefficients[cache] - model.logCoefficients[memory]
    // The truth is 0.45; what other coefficients can explain as well stays with the prior.
    #expect(after - before > 0.15)
    #expect(
      model.coefficientCovariance[cache][cache] < 0.15 * 0.15
        && model.coefficientCovariance[cache][cache] > 0)
    let errors = pool.indices.map { abs(model.belief.mean[$0] - machine.gain(pool[$0])) }
    let prior = pool.indices.map { abs(model.prior.mean[$0] - machine.gain(pool[$0])) }
    #expect(Moments.mean(errors) < 0.1 * Moments.mean(prior) + 0.005)
  }

  /// What noise could have made is no win; each throughput stands beside the baseline's of its round.
  /// The interval that decides, of the better of two, is the one that is printed: alone the gain of
  /// 2.1 standard errors would win.
  @Test(arguments: [(0.0215, false), (0.0132, false), (0.004, true)])
  func aTieIsNoWin(error: Double, isWon: Bool) throws {
    let (scenario, baseline, pool) = try setUp()
    var settings = ClosedLoop.Settings()
    settings.mostVisits = 2
    func measurement(
      _ index: Int, _ gain: Double, _ throughput: Double, _ baseline: Double, _ round: Int
    ) -> GainMeasurement {
      GainMeasurement(
        shape: Shape(pool[index]), logGain: log(gain), standardError: error, pairs: 40,
        throughput: throughput, baselineThroughput: baseline, seconds: 1, round: round)
    }
    let outcome = try ClosedLoop(
      scenario, baseline: baseline, pool: Array(pool.prefix(3)), settings: settings,
      measurer: try Machine(scenario, baseline: baseline, noise: 0.1), report: { _ in }
    ).run(known: [measurement(0, 1.03, 15.85, 15.22, 1), measurement(1, 0.9, 17.6, 19.57, 2)])
    #expect(outcome.visits == 2 && outcome.leader.architecture == pool[0])
    #expect((outcome.winner != nil) == isWon)
    #expect(outcome.leader.baselineThroughput == 15.22)
    #expect(outcome.tiedWithLeader.isEmpty)
    let table = ClosedLoopReport(outcome, baseline: baseline).table
    #expect(table.contains(isWon ? "Winner: " : "No winner: "))
    let measured = try #require(outcome.leader.measured)
    let deviation = try #require(outcome.leader.measuredError)
    let low = exp(measured - outcome.deviations * deviation)
    #expect((low > 1) == isWon && table.contains("(\(Quantity.number(low)) – "))
    let row = try #require(table.split(separator: "\n").first { $0.contains("15.85") })
    #expect(row.contains("15.22") && !row.contains("19.57"))
    let other = ClosedLoopReport(outcome, baseline: baseline, isBaselineOfSize: false).table
    #expect(!other.contains("Winner") && other.contains("no gain over it is stated"))
    #expect(table.contains("×") && !other.contains("×"))
  }

  /// Of 20 candidates that are all as fast as the baseline, the best as measured rarely wins.
  @Test func equalCandidatesRarelyWin() {
    var generator = SeededGenerator(seed: 11)
    let (draws, count, error) = (2000, 20, 0.02)
    var together = 0
    var alone = 0
    for _ in 0..<draws {
      let best = (0..<count).map { _ in error * generator.normal() }.max() ?? 0
      if JointIntervals.isGain(best, error: error, among: count) { together += 1 }
      if JointIntervals.isGain(best, error: error, among: 1) { alone += 1 }
    }
    #expect(Double(together) < 0.07 * Double(draws), "\(together)")
    #expect(Double(alone) > 0.2 * Double(draws), "\(alone)")
    #expect(abs(JointIntervals.deviations(1) - 1.96) < 1e-4)
  }

  /// Nor does a whole loop, which measures again what looked good and stops when it likes.
  @Test func loopsOfEqualCandidatesRarelyWin() throws {
    let (scenario, baseline, pool) = try setUp()
    let noise = 0.02
    let machine = EqualMachine(noise: noise)
    let loops = 200
    var won = 0
    var visits = 0
    for _ in 0..<loops {
      var settings = ClosedLoop.Settings()
      settings.mostVisits = 30
      let outcome = try ClosedLoop(
        scenario, baseline: baseline, pool: Array(pool.prefix(12)), settings: settings,
        measurer: machine, report: { _ in }
      ).run()
      if outcome.winner != nil { won += 1 }
      visits += outcome.visits
    }
    #expect(Double(won) < 0.05 * Double(loops), "\(won) of \(loops), \(visits) visits")
  }

  /// Everything is as fast as the baseline.
  private final class EqualMachine: GainMeasurer {
    private var generator = SeededGenerator(seed: 3)
    private let noise: Double

    init(noise: Double) { self.noise = noise }

    func measure(_ candidates: [Architecture], round: Int) -> [GainMeasurement] {
      candidates.map {
        let gain = noise * generator.normal()
        return GainMeasurement(
          shape: Shape($0), logGain: gain, standardError: noise, pairs: 20,
          throughput: 10 * exp(gain), baselineThroughput: 10, seconds: 1, round: round)
      }
    }
  }

  /// As in the table of candidates, a gain over another size of model is none.
  @Test(arguments: [true, false]) func gainsOverAnotherSizeAreAbsent(isOfSize: Bool) throws {
    let (scenario, baseline, pool) = try setUp()
    var settings = ClosedLoop.Settings()
    settings.mostVisits = 1
    let outcome = try ClosedLoop(
      scenario, baseline: baseline, pool: Array(pool.prefix(2)), settings: settings,
      measurer: try Machine(scenario, baseline: baseline, noise: 0.1), report: { _ in }
    ).run(known: [
      GainMeasurement(
        shape: Shape(pool[0]), logGain: log(1.2), standardError: 0.01, pairs: 40, throughput: 12,
        baselineThroughput: 10, seconds: 1, round: 1)
    ])
    var spec = SearchSpec()
    spec.parameters = "420M"
    spec.baseline = isOfSize ? "qwen3-0.6b" : "llama-3.2-1b"
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "3.2"
    spec.devices = ["a100-40gb"]
    spec.hiddenMultiple = 512
    let result = try ArchitectureSearch(spec.problem(device: DeviceZoo.resolve)).run { _ in }
    let report = SearchReport(result, verified: outcome)
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    let loop = try #require(try fields.object("verified"))
    #expect((loop["winner"] != nil) == isOfSize)
    guard case .object(let first)? = try loop.array("standings")?.first else {
      Issue.record("no standing")
      return
    }
    for key in [
      "predicted_gain", "measured_gain", "measured_gain_interval", "measured_standard_error",
      "believed_gain", "believed_standard_deviation",
    ] {
      #expect((first[key] != nil) == isOfSize, "\(key)")
    }
    #expect(first["measured_throughput"] != nil && first["baseline_throughput"] != nil)
  }

  @Test func candidatesThatCannotBeToldApartAreNamed() throws {
    let (scenario, baseline, pool) = try setUp()
    var settings = ClosedLoop.Settings()
    settings.mostVisits = 2
    let outcome = try ClosedLoop(
      scenario, baseline: baseline, pool: Array(pool.prefix(2)), settings: settings,
      measurer: try Machine(scenario, baseline: baseline, noise: 0.1), report: { _ in }
    ).run(
      known: [(0, 1.2), (1, 1.19)].map { index, gain in
        GainMeasurement(
          shape: Shape(pool[index]), logGain: log(gain), standardError: 0.01, pairs: 40,
          throughput: 10 * gain, baselineThroughput: 10, seconds: 1, round: 1)
      })
    #expect(outcome.winner != nil && outcome.tiedWithLeader.count == 1)
    #expect(ClosedLoopReport(outcome, baseline: baseline).table.contains("Not told from"))
  }

  @Test func aBudgetAndAnEarlierRunCount() throws {
    let (scenario, baseline, pool) = try setUp()
    let machine = try Machine(scenario, baseline: baseline, noise: 0.05)
    var settings = ClosedLoop.Settings()
    settings.budgetSeconds = 6
    settings.worthwhileGain = 0
    func loop() -> ClosedLoop {
      ClosedLoop(
        scenario, baseline: baseline, pool: pool, settings: settings, measurer: machine,
        report: { _ in })
    }
    let first = try machine.measure(Array(pool.prefix(4)), round: 1)
    let outcome = try loop().run(known: first)
    #expect(outcome.ending == .budget && outcome.visits == 8 && outcome.rounds == 2)
    settings.budgetSeconds = 1
    let done = try loop().run(known: first)
    #expect(done.visits == 4 && machine.visits == 8)
  }
}
