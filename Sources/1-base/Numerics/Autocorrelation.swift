/// The memory of a series: how many of its values are worth one independent value.
public enum Autocorrelation {
  /// The factor by which memory widens the variance of a mean, 1 + 2·Σ correlations, at least 1.
  ///
  /// The sum ends where pairs of neighbouring correlations cease to be positive, and never grows
  /// from one pair to the next (Geyer 1992, initial monotone sequence). Below 16 values the
  /// correlations are too poorly known to be of use, and the factor is 1.
  public static func designEffect(_ series: [Double]) -> Double {
    let n = series.count
    guard n >= 16 else { return 1 }
    let mean = Moments.mean(series)
    let centered = series.map { $0 - mean }
    func covariance(_ lag: Int) -> Double {
      var sum = 0.0
      for index in 0..<(n - lag) { sum += centered[index] * centered[index + lag] }
      return sum / Double(n)
    }
    let variance = covariance(0)
    guard variance > 0 else { return 1 }
    var total = 0.0
    var previous = Double.infinity
    var lag = 0
    while lag + 1 < n {
      let pair = min(previous, (covariance(lag) + covariance(lag + 1)) / variance)
      guard pair > 0 else { break }
      total += pair
      previous = pair
      lag += 2
    }
    return max(1, 2 * total - 1)
  }

  /// The design effect for medians: that of which values lie above the median.
  public static func medianDesignEffect(_ series: [Double]) -> Double {
    guard !series.isEmpty else { return 1 }
    let median = Quantiles.median(series)
    return designEffect(series.map { $0 > median ? 1 : 0 })
  }
}
