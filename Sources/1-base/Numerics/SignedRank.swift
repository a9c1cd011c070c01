import Foundation

/// Wilcoxon's signed-rank test of where values are centred, and what follows from it by inversion.
///
/// It needs each value to be as likely above the centre as below by the same distance. For log
/// ratios of pairs whose order was drawn by coin, the coin sees to that: under "no difference" the
/// signs are the coins' whatever the noise, however long its memory (Fisher's randomisation
/// argument), so the test holds on a machine that drifts. What several values share beyond the coin's
/// reach, a design effect above 1 allows for: chances are those of sums whose variance is so many
/// times as large.
public enum SignedRank {
  /// The chance of sums of ranks at least as large, if the centre were at `margin` or below it.
  ///
  /// Values at `margin` itself are left out (as SciPy's `zero_method="wilcox"`). Exact up to 50
  /// values without ties, normal with corrections for ties and continuity otherwise.
  public static func pValue(
    _ values: [Double], above margin: Double, designEffect: Double = 1
  ) -> Double {
    let differences = values.map { $0 - margin }.filter { $0 != 0 }
    guard !differences.isEmpty else { return 1 }
    let magnitudes = differences.map(abs)
    let ranks = RankCorrelation.ranks(magnitudes)
    let sum = zip(ranks, differences).reduce(0) { $1.1 > 0 ? $0 + $1.0 : $0 }
    let ties = RankCorrelation.tieCounts(magnitudes)
    let distribution = SignedRankDistribution(count: differences.count, ties: ties)
    return scaled(distribution.upperTail(sum), 1 / designEffect.squareRoot())
  }

  /// The same for a centre at `margin` or above it, against sums as small.
  public static func pValue(
    _ values: [Double], below margin: Double, designEffect: Double = 1
  ) -> Double {
    pValue(values.map { -$0 }, above: -margin, designEffect: designEffect)
  }

  /// Hodges and Lehmann's estimate of the centre: the median of all means of two values (Walsh
  /// averages), each value with itself included.
  ///
  /// - Precondition: `values` is not empty.
  public static func center(_ values: [Double]) -> Double {
    let walsh = WalshAverages(values)
    let middle = (walsh.count + 1) / 2
    return (walsh.smallest(middle) + walsh.smallest(walsh.count + 1 - middle)) / 2
  }

  /// The centres that the one-sided tests at `alpha / 2` do not reject; an end that even all values
  /// cannot bound is infinite.
  public static func interval(
    _ values: [Double], alpha: Double, designEffect: Double = 1
  ) -> ClosedRange<Double> {
    let ends = SignedRankDistribution(count: values.count)
      .quantile(scaled(alpha / 2, designEffect.squareRoot()))
    guard let ends else { return -Double.infinity...Double.infinity }
    let walsh = WalshAverages(values)
    return walsh.smallest(ends + 1)...walsh.smallest(walsh.count - ends)
  }

  /// The chance at a normal quantile `factor` times as far out.
  private static func scaled(_ chance: Double, _ factor: Double) -> Double {
    guard factor != 1, chance > 0, chance < 1 else { return chance }
    return NormalDistribution.cumulative(factor * NormalDistribution.quantile(chance))
  }

  /// The factor by which what the values of a cluster share widens the variance of the sums, at
  /// least 1.
  ///
  /// Independent signed ranks sum to a variance of Σ s², those of independent clusters to
  /// Σ (Σ of a cluster's s)² (Rosner, Glynn and Lee 2006). One series of few clusters hardly tells the ratio,
  /// so it is the mean over all. The ranks are those around the median, less their mean, which takes
  /// 1 / (n - 1) from the correlation of any two.
  ///
  /// - Parameter series: values, and the cluster of each.
  public static func designEffect(_ series: [(values: [Double], clusters: [Int])]) -> Double {
    let effects = series.compactMap { values, clusters -> Double? in
      guard values.count > 1 else { return nil }
      let median = Quantiles.median(values)
      let differences = values.map { $0 - median }
      let ranks = zip(RankCorrelation.ranks(differences.map(abs)), differences)
        .map { $1 < 0 ? -$0 : $1 > 0 ? $0 : 0 }
      let mean = Moments.mean(ranks)
      let squares = ranks.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      guard squares > 0 else { return nil }
      // In order: that of a dictionary is another in each process.
      let groups = Dictionary(grouping: zip(clusters, ranks), by: \.0)
        .sorted { $0.key < $1.key }.map(\.value)
      let between = groups.reduce(0) { total, group in
        let sum = group.reduce(0) { $0 + $1.1 - mean }
        return total + sum * sum
      }
      let pairs = groups.reduce(0) { $0 + Double($1.count * ($1.count - 1)) }
      let n = Double(values.count)
      return between / squares + pairs / (n * (n - 1))
    }
    return effects.isEmpty ? 1 : max(1, Moments.mean(effects))
  }
}

/// The null distribution of the sum of positive ranks.
struct SignedRankDistribution {
  private let count: Int
  private let ties: [Int]

  /// - Parameter ties: sizes of the groups of equal magnitudes.
  init(count: Int, ties: [Int] = []) {
    self.count = count
    self.ties = ties
  }

  private var mean: Double { Double(count) * Double(count + 1) / 4 }
  private var deviation: Double {
    let n = Double(count)
    let tied = ties.reduce(0) { $0 + Double($1) * (Double($1) * Double($1) - 1) }
    return (n * (n + 1) * (2 * n + 1) / 24 - tied / 48).squareRoot()
  }

  /// P(sum ≥ `sum`).
  func upperTail(_ sum: Double) -> Double {
    if count <= Self.largestExact, ties.allSatisfy({ $0 == 1 }) {
      // By symmetry, the lower tail of what is missing.
      let missing = Int((2 * mean).rounded()) - Int(sum.rounded(.up))
      return missing < 0 ? 0 : Self.cumulative[count][missing]
    }
    return NormalDistribution.cumulative(-(sum - mean - 0.5) / deviation)
  }

  /// The largest sum with P(sums up to it) ≤ `probability`, without ties; `nil` where there is none.
  func quantile(_ probability: Double) -> Int? {
    guard count > 0 else { return nil }
    if count <= Self.largestExact {
      let below = Self.cumulative[count].prefix { $0 <= probability }.count
      return below > 0 ? below - 1 : nil
    }
    let z = NormalDistribution.quantile(probability)
    let sum = Int((mean - 0.5 + z * deviation).rounded(.down))
    return sum >= 0 ? sum : nil
  }

  private static let largestExact = 50

  /// By number of values, P(sum ≤ index): each rank is in or out with equal chances.
  private static let cumulative: [[Double]] = {
    var density = [1.0]
    var tables = [density]
    for rank in 1...largestExact {
      var next = [Double](repeating: 0, count: density.count + rank)
      for (sum, chance) in density.enumerated() {
        next[sum] += chance / 2
        next[sum + rank] += chance / 2
      }
      density = next
      var total = 0.0
      tables.append(
        density.map {
          total += $0
          return min(total, 1)
        })
    }
    return tables
  }()
}
