import Foundation

/// Order statistics of a sample.
public enum Quantiles {
  /// The median: the mean of the two middle values where the count is even.
  ///
  /// - Precondition: `values` is not empty.
  public static func median(_ values: [Double]) -> Double {
    precondition(!values.isEmpty)
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// A distribution-free confidence interval of the median, from order statistics.
  ///
  /// The interval is the k-th smallest to the k-th largest value, with the greatest k for which
  /// the binomial(n, 1/2) tails outside it hold at most `1 - confidence` (SciPy's
  /// `scipy.stats.quantile_test` finds the same one). `nil` where even the whole range falls short,
  /// as with fewer than 6 values at 95%.
  ///
  /// - Parameter designEffect: how many values are worth one independent value
  ///   (`Autocorrelation.medianDesignEffect`): the interval's ends are then at the ranks, as shares
  ///   of the count, that so many fewer values would give.
  public static func medianInterval(
    _ values: [Double], confidence: Double = 0.95, designEffect: Double = 1
  ) -> ClosedRange<Double>? {
    let independent = max(1, Int(Double(values.count) / max(1, designEffect)))
    let rank = medianRank(independent, confidence: confidence)
    guard rank > 0, !values.isEmpty else { return nil }
    let k = max(1, Int(Double(rank) * Double(values.count) / Double(independent)))
    let sorted = values.sorted()
    return sorted[k - 1]...sorted[sorted.count - k]
  }

  /// The greatest k for which the k-th smallest and k-th largest of n values bound the median.
  private static func medianRank(_ n: Int, confidence: Double) -> Int {
    var tail = 0.0  // P(binomial(n, 1/2) < k)
    var k = 0
    while k < n {
      let logTerm = lgamma(Double(n) + 1) - lgamma(Double(k) + 1) - lgamma(Double(n - k) + 1)
      let widened = tail + exp(logTerm - Double(n) * log(2.0))
      if 2 * widened > 1 - confidence { break }
      tail = widened
      k += 1
    }
    return k
  }
}

/// Moments of a sample.
public enum Moments {
  public static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  /// The sample's standard deviation (n - 1 below); 0 for a single value.
  public static func standardDeviation(_ values: [Double]) -> Double {
    guard values.count > 1 else { return 0 }
    let center = mean(values)
    let squares = values.reduce(0) { $0 + ($1 - center) * ($1 - center) }
    return (squares / Double(values.count - 1)).squareRoot()
  }
}
