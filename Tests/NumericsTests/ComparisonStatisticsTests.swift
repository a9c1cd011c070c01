import Foundation
import Numerics
import TestSupport
import Testing

/// What SciPy finds: `Tests/Fixtures/statistics/make_fixtures.py`.
private struct Fixture: Decodable {
  struct SignedRankCase: Decodable {
    let values: [Double]
    let shift: Double
    let above: Double
    let below: Double
    let center: Double?
    let alpha: Double?
    let interval: [Double?]?
  }
  struct RankSumCase: Decodable {
    let first: [Double]
    let second: [Double]
    let shift: Double
    let above: Double
    let below: Double
    let center: Double
  }
  struct Binomial: Decodable {
    let successes: Int
    let trials: Int
    let low: Double
    let high: Double
  }
  struct HolmCase: Decodable {
    let pValues: [Double]
    let adjusted: [Double]
  }
  struct NormalQuantile: Decodable {
    let probability: Double
    let value: Double
  }
  let signedRank: [SignedRankCase]
  let rankSum: [RankSumCase]
  let binomial: [Binomial]
  let holm: HolmCase
  let normalQuantiles: [NormalQuantile]

  static func load() throws -> Fixture {
    let file = Files.fixtures.appendingPathComponent("statistics/statistics.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }
}

@Suite struct ComparisonStatisticsTests {
  private func isClose(_ value: Double, _ expected: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(value - expected) <= tolerance * max(abs(expected), 1e-12)
  }

  @Test func signedRankAgreesWithSciPy() throws {
    let cases = try Fixture.load().signedRank
    #expect(cases.count == 19)
    for expected in cases {
      #expect(
        isClose(SignedRank.pValue(expected.values, above: expected.shift), expected.above),
        "\(expected)")
      #expect(
        isClose(SignedRank.pValue(expected.values, below: expected.shift), expected.below),
        "\(expected)")
      if let center = expected.center {
        #expect(isClose(SignedRank.center(expected.values), center))
      }
      if let alpha = expected.alpha, let ends = expected.interval {
        let interval = SignedRank.interval(expected.values, alpha: alpha)
        #expect(isClose(interval.lowerBound, ends[0] ?? -.infinity), "\(expected.values.count)")
        #expect(isClose(interval.upperBound, ends[1] ?? .infinity), "\(expected.values.count)")
      }
    }
  }

  @Test func signedRankOfTooFewValuesIsUnbounded() {
    let interval = SignedRank.interval([1, 2, 3], alpha: 0.05)
    #expect(interval.lowerBound == -.infinity && interval.upperBound == .infinity)
    #expect(SignedRank.pValue([], above: 0) == 1)
    #expect(SignedRank.pValue([2, 2], above: 2) == 1)
  }

  /// A design effect moves normal quantiles towards the middle by its root; ends of intervals are where
  /// the tests say so.
  @Test func signedRanksAllowForWhatClustersShare() {
    var generator = SeededGenerator(seed: 4)
    let values = (0..<80).map { _ in 0.3 + generator.normal() }
    let plain = SignedRank.pValue(values, above: 0)
    let z = NormalDistribution.quantile(plain)
    for effect in [1, 1.5, 4] {
      let wide = SignedRank.pValue(values, above: 0, designEffect: effect)
      #expect(isClose(wide, NormalDistribution.cumulative(z / effect.squareRoot()), 1e-9))
      let interval = SignedRank.interval(values, alpha: 0.05, designEffect: effect)
      for (margin, isInside) in [(-1e-9, false), (1e-9, true)] {
        let chance = SignedRank.pValue(
          values, above: interval.lowerBound + margin, designEffect: effect)
        #expect((chance > 0.025) == isInside, "\(effect) \(chance)")
      }
    }
  }

  /// Of independent values the variance is what it is; of values that stand m times in their cluster, m
  /// times as large.
  @Test(arguments: [1, 5]) func clustersWidenTheVariance(copies: Int) {
    var generator = SeededGenerator(seed: 5)
    let effects = (0..<40).map { _ in
      SignedRank.designEffect(
        (0..<20).map { _ in
          let values = (0..<(60 / copies)).flatMap { _ in
            let value = generator.normal()
            return (0..<copies).map { _ in value + 1e-6 * generator.normal() }
          }
          return (values, values.indices.map { $0 / 5 })
        })
    }
    let mean = effects.reduce(0, +) / 40
    #expect(abs(mean / Double(copies) - 1) < 0.1, "\(mean)")
    #expect(effects.min()! >= 1)
    #expect(SignedRank.designEffect([([1], [0]), ([2, 2], [0, 0])]) == 1)
  }

  @Test func rankSumAgreesWithSciPy() throws {
    let cases = try Fixture.load().rankSum
    #expect(cases.count == 11)
    for expected in cases {
      let (x, y, shift) = (expected.first, expected.second, expected.shift)
      #expect(isClose(RankSum.pValue(x, above: y, by: shift), expected.above), "\(expected)")
      #expect(isClose(RankSum.pValue(x, below: y, by: shift), expected.below), "\(expected)")
      #expect(isClose(RankSum.shift(x, above: y), expected.center))
      // The interval holds the shifts that the test does not reject, and no others.
      let interval = RankSum.interval(x, above: y, alpha: 0.2)
      guard interval.lowerBound.isFinite, Set(x + y).count == x.count + y.count else { continue }
      #expect(RankSum.pValue(x, above: y, by: interval.lowerBound - 1e-9) <= 0.1)
      #expect(RankSum.pValue(x, above: y, by: interval.lowerBound + 1e-9) > 0.1)
      #expect(RankSum.pValue(x, below: y, by: interval.upperBound + 1e-9) <= 0.1)
      #expect(RankSum.pValue(x, below: y, by: interval.upperBound - 1e-9) > 0.1)
    }
  }

  @Test func memoryWidensTheRankSum() {
    var generator = SeededGenerator(seed: 5, stream: 0)
    let x = (0..<30).map { _ in generator.normal() + 1 }
    let y = (0..<30).map { _ in generator.normal() }
    let independent = RankSum.interval(x, above: y, alpha: 0.05)
    let related = RankSum.interval(x, above: y, alpha: 0.05, designEffect: 4)
    #expect(related.lowerBound < independent.lowerBound)
    #expect(related.upperBound > independent.upperBound)
  }

  @Test func proportionsAgreeWithSciPy() throws {
    for expected in try Fixture.load().binomial {
      let interval = BinomialInterval.exact(
        successes: expected.successes, trials: expected.trials)
      #expect(abs(interval.lowerBound - expected.low) < 1e-10)
      #expect(abs(interval.upperBound - expected.high) < 1e-10)
    }
  }

  @Test func holm() throws {
    let expected = try Fixture.load().holm
    for (value, wanted) in zip(Holm.adjusted(expected.pValues), expected.adjusted) {
      #expect(isClose(value, wanted))
    }
    #expect(Holm.adjusted([]) == [])
  }

  @Test func normalQuantilesAgreeWithSciPy() throws {
    for expected in try Fixture.load().normalQuantiles {
      #expect(abs(NormalDistribution.quantile(expected.probability) - expected.value) < 1e-8)
    }
  }

  @Test func spendingSumsToTheWhole() {
    for looks in [1, 2, 4, 7] {
      let shares = AlphaSpending(looks: looks).shares
      #expect(abs(shares.reduce(0, +) - 1) < 1e-12)
      #expect(shares == shares.sorted())
    }
    let endless = (1...100_000).reduce(0) { $0 + AlphaSpending.unbounded(look: $1) }
    #expect(endless < 1 && endless > 0.9999)
    #expect(abs(AlphaSpending(looks: 2).pValue([0.01]) - 0.04) < 1e-12)
    #expect(abs(AlphaSpending(looks: 2).pValue([0.01, 0.003]) - 0.004) < 1e-12)
    #expect(AlphaSpending(looks: 2).pValue([0.9]) == 1)
  }

  /// An autoregression x' = φx + ε has a design effect of (1 + φ)/(1 − φ).
  @Test(arguments: [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
  func autocorrelation(coefficient: Double, effect: Double) {
    var generator = SeededGenerator(seed: 2, stream: 0)
    var value = 0.0
    let series = (0..<20_000).map { _ in
      value = coefficient * value + generator.normal()
      return value
    }
    let estimate = Autocorrelation.designEffect(series)
    #expect(abs(estimate / effect - 1) < 0.2, "\(estimate)")
    #expect(Autocorrelation.designEffect(Array(series.prefix(15))) == 1)
    #expect(Autocorrelation.designEffect(Array(repeating: 1, count: 99)) == 1)
  }

  /// A series with a memory, whose median is 0: the widened interval covers it as often as it says,
  /// the plain one does not.
  @Test func mediansOfSeriesWithMemory() {
    var covered = (plain: 0, widened: 0)
    let trials = 400
    for trial in 0..<trials {
      var generator = SeededGenerator(seed: 3, stream: trial)
      var value = generator.normal() / (1 - 0.7 * 0.7).squareRoot()
      let series = (0..<100).map { _ in
        value = 0.7 * value + generator.normal()
        return value
      }
      if Quantiles.medianInterval(series)?.contains(0) == true { covered.plain += 1 }
      let effect = Autocorrelation.medianDesignEffect(series)
      if Quantiles.medianInterval(series, designEffect: effect)?.contains(0) == true {
        covered.widened += 1
      }
    }
    #expect(covered.plain < trials * 80 / 100, "\(covered)")
    #expect(covered.widened > trials * 88 / 100, "\(covered)")
  }
}
