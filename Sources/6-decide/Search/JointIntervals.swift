import Numerics

/// Intervals of several measured gains that all hold at once, at 95%: by chance alone the best of
/// many candidates looks better than it is.
package enum JointIntervals {
  /// Half-width in standard errors (Bonferroni).
  ///
  /// - Parameter count: of the gains.
  package static func deviations(_ count: Int) -> Double {
    NormalDistribution.quantile(1 - 0.05 / Double(2 * max(1, count)))
  }

  /// Whether a measured gain, as a natural logarithm, is one: its interval lies above 0.
  ///
  /// - Parameters:
  ///   - error: its standard error.
  ///   - count: of the gains of which it may be the best.
  package static func isGain(_ logGain: Double, error: Double, among count: Int) -> Bool {
    logGain > deviations(count) * error
  }
}
