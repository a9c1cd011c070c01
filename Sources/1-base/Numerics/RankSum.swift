import Foundation

/// Mann and Whitney's test of how far one sample lies above another, and what follows from it by
/// inversion: for samples that were not taken in pairs.
///
/// It needs values that are independent within each sample. Where they have a memory, a
/// `designEffect` above 1 (see `Autocorrelation`) widens the statistic's variance by that factor.
public enum RankSum {
  /// The chance of a statistic as large, if `first` lay above `second` by `margin` at most.
  ///
  /// Exact for up to 40 values a side without ties and with a design effect of 1, normal with
  /// corrections for ties and continuity otherwise.
  public static func pValue(
    _ first: [Double], above second: [Double], by margin: Double, designEffect: Double = 1
  ) -> Double {
    guard !first.isEmpty, !second.isEmpty else { return 1 }
    let shifted = first.map { $0 - margin }
    let ranks = RankCorrelation.ranks(shifted + second)
    let n = Double(first.count)
    let statistic = ranks.prefix(first.count).reduce(0, +) - n * (n + 1) / 2
    let distribution = RankSumDistribution(
      first.count, second.count, ties: RankCorrelation.tieCounts(shifted + second),
      designEffect: designEffect)
    return distribution.upperTail(statistic)
  }

  /// The same, if `first` lay above `second` by `margin` at least (below it, with a negative one).
  public static func pValue(
    _ first: [Double], below second: [Double], by margin: Double, designEffect: Double = 1
  ) -> Double {
    pValue(
      first.map { -$0 }, above: second.map { -$0 }, by: -margin, designEffect: designEffect)
  }

  /// Hodges and Lehmann's estimate of how far `first` lies above `second`: the median of all
  /// differences.
  public static func shift(_ first: [Double], above second: [Double]) -> Double {
    let differences = PairwiseDifferences(first, minus: second)
    let middle = (differences.count + 1) / 2
    return
      (differences.smallest(middle) + differences.smallest(differences.count + 1 - middle)) / 2
  }

  /// The shifts that the one-sided tests at `alpha / 2` do not reject; infinite where all values
  /// together cannot bound it.
  public static func interval(
    _ first: [Double], above second: [Double], alpha: Double, designEffect: Double = 1
  ) -> ClosedRange<Double> {
    let distribution = RankSumDistribution(
      first.count, second.count, ties: [], designEffect: designEffect)
    guard let ends = distribution.quantile(alpha / 2) else {
      return -Double.infinity...Double.infinity
    }
    let differences = PairwiseDifferences(first, minus: second)
    return differences.smallest(ends + 1)...differences.smallest(differences.count - ends)
  }
}

/// The null distribution of Mann and Whitney's statistic.
struct RankSumDistribution {
  private let first: Int
  private let second: Int
  private let ties: [Int]
  private let designEffect: Double

  init(_ first: Int, _ second: Int, ties: [Int], designEffect: Double) {
    self.first = first
    self.second = second
    self.ties = ties
    self.designEffect = max(1, designEffect)
  }

  private var mean: Double { Double(first) * Double(second) / 2 }
  private var deviation: Double {
    let n = Double(first + second)
    let tied = ties.reduce(0) { $0 + Double($1) * (Double($1) * Double($1) - 1) }
    let variance = mean / 6 * (n + 1 - tied / (n * (n - 1)))
    return (variance * designEffect).squareRoot()
  }
  private var isExact: Bool {
    max(first, second) <= 40 && designEffect == 1 && ties.allSatisfy { $0 == 1 }
  }

  /// P(statistic ≥ `statistic`).
  func upperTail(_ statistic: Double) -> Double {
    guard deviation > 0 else { return 1 }
    if isExact {
      let missing = first * second - Int(statistic.rounded(.up))
      return missing < 0 ? 0 : cumulative[missing]
    }
    return NormalDistribution.cumulative(-(statistic - mean - 0.5) / deviation)
  }

  /// The largest value with P(values up to it) ≤ `probability`; `nil` where there is none.
  func quantile(_ probability: Double) -> Int? {
    guard first > 0, second > 0 else { return nil }
    if isExact {
      let below = cumulative.prefix { $0 <= probability }.count
      return below > 0 ? below - 1 : nil
    }
    let z = NormalDistribution.quantile(probability)
    let value = Int((mean - 0.5 + z * deviation).rounded(.down))
    return value >= 0 ? value : nil
  }

  /// P(statistic ≤ index): the coefficients of the Gaussian binomial, by multiplying with
  /// `1 - q^(second + i)` and dividing by `1 - q^i`, as ratios of chances so that none overflows.
  private var cumulative: [Double] {
    let size = first * second
    var counts = [Double](repeating: 0, count: size + 1)
    counts[0] = 1
    for i in 1...first {
      let up = second + i
      if up <= size {
        for index in stride(from: size, through: up, by: -1) { counts[index] -= counts[index - up] }
      }
      if i <= size { for index in i...size { counts[index] += counts[index - i] } }
      // The chances of this size of sample: C(second + i, i) orders.
      let scale = Double(i) / Double(second + i)
      for index in counts.indices { counts[index] *= scale }
    }
    var total = 0.0
    return counts.map {
      total += max(0, $0)
      return min(total, 1)
    }
  }
}
