import CostModel
import Foundation
import Model
import Numerics
import Records

/// Measures, learns and chooses what to measure next, until the winner is stable.
///
/// Each round measures a few candidates beside the baseline, calibrates the host's model with all
/// that was measured, ranks the pool again, and picks for the next round what would change the
/// decision most (`KnowledgeGradient`).
public struct ClosedLoop {
  public struct Settings: Sendable {
    /// Candidates of a round: as many as memory holds beside the baseline.
    public var perRound = 4
    /// For all measurements, those of an interrupted loop included.
    public var budgetSeconds = 600.0
    /// Most measurements of a candidate, all together; `nil` for the budget alone.
    public var mostVisits: Int?
    /// The loop ends when no measurement is expected to gain more than this, relative.
    public var worthwhileGain = 0.002

    public init() {}
  }

  /// Where a candidate stands.
  public struct Standing: Sendable {
    public let architecture: Architecture
    /// Natural logarithms of gains over the baseline: by the model before any measurement, and by
    /// the model and all measurements.
    public let predicted: Double
    public let believed: Double
    public let believedDeviation: Double
    /// All its measurements taken together; `nil` where it was never measured.
    public let measured: Double?
    public let measuredError: Double?
    public let visits: Int
    public let pairs: Int
    /// Tokens per second: predicted, the median of its latest measurement, and the baseline's in
    /// that same measurement.
    public let predictedThroughput: Double
    public let measuredThroughput: Double?
    public let baselineThroughput: Double?
  }

  public enum Ending: String, Sendable {
    /// No measurement is worth its time: the winner would stay.
    case stable
    case budget
    case visits
  }

  public struct Outcome: Sendable {
    /// The pool, the winner first, then by what is believed.
    public let standings: [Standing]
    public let rounds: Int
    /// Measurements of a candidate, all together, and what they took.
    public let visits: Int
    public let seconds: Double
    public let ending: Ending
    /// What the next measurement is expected to gain, relative.
    public let expectedGain: Double
    /// Of predicted and measured gains; `nil` with fewer than 3 measured candidates.
    public let rankCorrelation: Double?
    /// By how much the winner, as measured, is behind the best as measured, in natural logarithms.
    public let regret: Double
    /// The host's profile with the coefficients that the measurements tell.
    public let profile: DeviceProfile
    public let coefficients: [Coefficient]
    public let formScale: Double

    /// The first of the standings, which may not have won.
    public var leader: Standing { standings[0] }
    /// Candidates that were measured.
    public var measuredCount: Int { standings.count { $0.visits > 0 } }
    /// Half-width of a measured gain's 95% interval in standard errors. Those of all that were
    /// measured hold at once: the leader may owe its place to chance.
    public var deviations: Double { JointIntervals.deviations(measuredCount) }
    /// The leader, where what was measured tells it from the baseline.
    public var winner: Standing? {
      guard let measured = leader.measured, let error = leader.measuredError,
        JointIntervals.isGain(measured, error: error, among: measuredCount)
      else { return nil }
      return leader
    }
    /// Other measured candidates that cannot be told from the leader.
    public var tiedWithLeader: [Standing] {
      guard let best = leader.measured, let error = leader.measuredError else { return [] }
      let deviations = deviations
      return standings.dropFirst().filter { standing in
        guard let measured = standing.measured, let own = standing.measuredError else {
          return false
        }
        return abs(measured - best) <= deviations * hypot(own, error)
      }
    }
  }

  /// One of the engine's coefficients, before and after.
  public struct Coefficient: Sendable {
    public let name: String
    public let prior: Double
    public let value: Double
    /// Of the natural logarithm.
    public let standardError: Double
  }

  /// Until a round was measured: what the pairs' scatter is taken for.
  private static let assumedNoise = 0.02

  private let settings: Settings
  private let scenario: Scenario
  private let baseline: Architecture
  private let pool: [Architecture]
  private let measurer: any GainMeasurer
  private let report: (String) -> Void

  /// - Parameters:
  ///   - pool: the candidates, in any order.
  ///   - scenario: the host with the workload that is measured.
  public init(
    _ scenario: Scenario, baseline: Architecture, pool: [Architecture], settings: Settings,
    measurer: any GainMeasurer, report: @escaping (String) -> Void
  ) {
    self.scenario = scenario
    self.baseline = baseline
    self.pool = pool
    self.settings = settings
    self.measurer = measurer
    self.report = report
  }

  /// - Parameter known: what an interrupted loop has measured already.
  public func run(known: [GainMeasurement] = []) throws -> Outcome {
    let places = Dictionary(
      pool.enumerated().map { (Shape($0.element), $0.offset) },
      uniquingKeysWith: { first, _ in first })
    var model = try HostModel(scenario, baseline: baseline, pool: pool)
    var measurements = known.filter { places[$0.shape] != nil }
    var round = measurements.map(\.round).max() ?? 0
    while true {
      try model.calibrate(Self.pooled(measurements, places))
      let noise = Self.noise(measurements)
      let seconds = measurements.reduce(0) { $0 + $1.seconds }
      let measured = Set(measurements.compactMap { places[$0.shape] })
      let left = (settings.mostVisits ?? .max) - measurements.count
      let favourite = model.belief.mean.indices.max {
        model.belief.mean[$0] < model.belief.mean[$1]
      }
      // What is held to be best must have been seen.
      let required = favourite.map { measured.contains($0) ? [] : [$0] } ?? []
      let batch = KnowledgeGradient.batch(
        model.belief, count: min(settings.perRound, max(1, left)), noise: noise,
        required: required)
      let expected = batch.map { $0.value }.max() ?? 0
      var ending: Ending?
      if required.isEmpty, !measured.isEmpty, expected < settings.worthwhileGain {
        ending = .stable
      } else if left <= 0 {
        ending = .visits
      } else if !measured.isEmpty, seconds >= settings.budgetSeconds {
        ending = .budget
      }
      if let ending {
        return outcome(
          model, measurements, places, rounds: round, ending: ending, expected: expected)
      }
      round += 1
      report("round \(round): \(batch.count) of \(pool.count) candidates")
      measurements += try measurer.measure(batch.map { pool[$0.index] }, round: round)
    }
  }

  private static func pooled(
    _ measurements: [GainMeasurement], _ places: [Shape: Int]
  ) -> [PooledGain] {
    Dictionary(grouping: measurements) { $0.shape }
      .compactMap { shape, rows in places[shape].map { PooledGain(index: $0, rows) } }
      .sorted { $0.index < $1.index }
  }

  /// Variance that one more measurement is expected to have.
  private static func noise(_ measurements: [GainMeasurement]) -> Double {
    measurements.isEmpty
      ? assumedNoise * assumedNoise : Quantiles.median(measurements.map(\.variance))
  }

  private func outcome(
    _ model: HostModel, _ measurements: [GainMeasurement], _ places: [Shape: Int], rounds: Int,
    ending: Ending, expected: Double
  ) -> Outcome {
    let pooled = Dictionary(
      uniqueKeysWithValues: Self.pooled(measurements, places).map { ($0.index, $0) })
    let predictedBaseline =
      (try? Predictor(scenario.profile, scenario.engine, scenario.settings))?
      .point(baseline, scenario.workload)?.outputTokensPerSecond ?? .nan
    let standings = pool.indices.map { index -> Standing in
      let shape = Shape(pool[index])
      let rows = measurements.filter { $0.shape == shape }
      return Standing(
        architecture: pool[index], predicted: model.prior.mean[index],
        believed: model.belief.mean[index], believedDeviation: model.belief.deviation(index),
        measured: pooled[index]?.logGain, measuredError: pooled[index]?.variance.squareRoot(),
        visits: rows.count, pairs: rows.reduce(0) { $0 + $1.pairs },
        predictedThroughput: predictedBaseline * exp(model.prior.mean[index]),
        measuredThroughput: rows.last?.throughput,
        baselineThroughput: rows.last?.baselineThroughput)
    }
    // The winner is one that was measured; the others follow by what is believed.
    let ordered = standings.sorted {
      ($0.visits > 0) != ($1.visits > 0) ? $0.visits > 0 : $0.believed > $1.believed
    }
    let seen = ordered.filter { $0.visits > 0 }
    let best = seen.compactMap(\.measured).max() ?? 0
    return Outcome(
      standings: ordered, rounds: rounds, visits: measurements.count,
      seconds: measurements.reduce(0) { $0 + $1.seconds }, ending: ending,
      expectedGain: expected,
      rankCorrelation: seen.count < 3
        ? nil
        : RankCorrelation.spearman(seen.map(\.predicted), seen.compactMap(\.measured)),
      regret: best - (ordered.first?.measured ?? best), profile: model.calibrated,
      coefficients: model.coefficientNames.enumerated().map { index, name in
        Coefficient(
          name: name, prior: exp(model.priorCoefficients[index]),
          value: exp(model.logCoefficients[index]),
          standardError: max(0, model.coefficientCovariance[index][index]).squareRoot())
      }, formScale: model.formScale)
  }
}
