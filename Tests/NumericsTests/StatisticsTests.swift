import Numerics
import Testing

@Suite struct StatisticsTests {
  @Test func studentAgreesWithSciPy() throws {
    for expected in try NumericsFixture.load().statistics.studentQuantiles {
      let value = StudentT.quantile(
        expected.probability, degreesOfFreedom: expected.degreesOfFreedom)
      #expect(abs(value / expected.value - 1) < 1e-9, "\(expected)")
    }
    #expect(abs(StudentT.quantile(0.975, degreesOfFreedom: .infinity) - 1.959963984540054) < 1e-9)
  }

  @Test func normalAgreesWithSciPy() throws {
    for expected in try NumericsFixture.load().statistics.normal {
      #expect(abs(NormalDistribution.cumulative(expected.x) / expected.value - 1) < 1e-12)
    }
  }

  @Test func rankCorrelationAgreesWithSciPy() throws {
    let statistics = try NumericsFixture.load().statistics
    #expect(RankCorrelation.ranks(statistics.first) == statistics.ranks)
    let spearman = try #require(RankCorrelation.spearman(statistics.first, statistics.second))
    #expect(abs(spearman - statistics.spearman) < 1e-12)
    #expect(RankCorrelation.spearman([1, 1], [1, 2]) == nil)
    #expect(RankCorrelation.spearman([1], [1]) == nil)
  }

  @Test func varianceComponentsAgreeWithSciPy() {
    let groups = [[1.2, 0.7, 1.9, 1.1], [2.4, 2.9, 1.8], [0.3, 0.9, 0.1, 0.6, 1.4]]
    let components = VarianceComponents(groups)
    // scipy.stats.f_oneway
    let ratio = components.meanSquareBetween / components.within
    #expect(abs(ratio - 10.24180924014685) < 1e-12)
    let size = (12.0 - (16 + 9 + 25) / 12.0) / 2
    #expect(abs(components.between - components.within * (ratio - 1) / size) < 1e-12)
    #expect(abs(components.shareWithin - 9 / (9 + 2 * ratio)) < 1e-12)
    let alike = VarianceComponents([[1, 3], [1, 3], [1, 3]])
    #expect(alike.between == 0 && alike.within == 2 && alike.shareWithin == 1)
    let single = VarianceComponents([[1, 2, 3]])
    #expect(single.between == 0 && single.within == 1 && single.shareWithin == 1)
  }

  @Test func interpolatedQuantiles() {
    let sorted = [1.0, 2, 3, 4]
    #expect(Quantiles.interpolated(sorted: sorted, at: 0.5) == 2.5)
    #expect(abs(Quantiles.interpolated(sorted: sorted, at: 0.3) - 1.5) < 1e-12)
    #expect(Quantiles.interpolated(sorted: sorted, at: 0.001) == 1)
    #expect(Quantiles.interpolated(sorted: sorted, at: 0.999) == 4)
  }

  @Test func replicatesDependOnTheSeedOnly() {
    let draw: @Sendable (inout SeededGenerator) -> UInt64 = { $0.next() }
    let once = Bootstrap.replicate(100, seed: 3, draw)
    #expect(once == Bootstrap.replicate(100, seed: 3, draw))
    #expect(once != Bootstrap.replicate(100, seed: 4, draw))
    #expect(Set(once).count == 100)
    #expect(Array(once.prefix(20)) == Bootstrap.replicate(20, seed: 3, draw))
  }

  @Test func normalDrawsHaveUnitMoments() {
    var generator = SeededGenerator(seed: 1, stream: 0)
    let draws = (0..<40_000).map { _ in generator.normal() }
    // Five standard errors of the mean and of the standard deviation.
    #expect(abs(Moments.mean(draws)) < 5 / 200.0)
    #expect(abs(Moments.standardDeviation(draws) - 1) < 5 / (2.0 * 40_000).squareRoot())
  }

  @Test func expandedPercentilesAreWiderForSmallSamples() throws {
    let replicates = (1...999).map(Double.init)
    let large = try #require(
      Bootstrap.interval(replicates, rows: 100_000, degreesOfFreedom: 99_995))
    #expect(abs(large.lowerBound - 25) < 0.1 && abs(large.upperBound - 975) < 0.1)
    let small = try #require(Bootstrap.interval(replicates, rows: 12, degreesOfFreedom: 7))
    #expect(small.lowerBound < 10 && small.upperBound > 990)
    #expect(Bootstrap.interval([1], rows: 12, degreesOfFreedom: 7) == nil)
  }
}
