import Foundation
import Numerics

// 95% intervals of quantities computed from a law, from its resamples where it has them, else from
// its covariance.

extension ScalingLaw {
  /// For a law's value or a run's loss.
  ///
  /// - Parameters:
  ///   - gradient: of `value` by each parameter.
  ///   - extraVariance: that comes on top of the parameters': scatter of runs, another law's.
  ///   - resampled: the value at resampled parameters.
  /// - Returns: `nil` where nothing is known of the uncertainty.
  func interval(
    value: Double, gradient: [Double], extraVariance: Double,
    resampled: ([Double]) -> Double
  ) -> ClosedRange<Double>? {
    guard let uncertainty else { return nil }
    if let rows = uncertainty.resampledRows, let degrees = uncertainty.degreesOfFreedom,
      uncertainty.resamples.count > 1
    {
      let ofLaw = Bootstrap.interval(
        uncertainty.resamples.map(resampled), rows: rows, degreesOfFreedom: degrees)
      guard extraVariance > 0, let ofLaw else { return ofLaw }
      // Each side by itself, so that a run's interval always holds the law's, skewed as it may be.
      let extra = t95 * extraVariance.squareRoot()
      let below = hypot(max(0, value - ofLaw.lowerBound), extra)
      let above = hypot(max(0, ofLaw.upperBound - value), extra)
      guard value.isFinite, below.isFinite, above.isFinite else { return nil }
      return value - below...value + above
    }
    // Without a covariance only a published scatter is known: no interval for the law itself.
    guard uncertainty.covariance != nil || extraVariance > 0 else { return nil }
    let standardError = standardError(gradient) ?? 0
    return Self.symmetric(
      value, t95 * (standardError * standardError + extraVariance).squareRoot())
  }

  /// `nil` where a law file's numbers overflow.
  private static func symmetric(_ value: Double, _ half: Double) -> ClosedRange<Double>? {
    guard value.isFinite, half.isFinite else { return nil }
    return value - half...value + half
  }

  /// The law's value at a point that carries its own reference loss, and 95% intervals: of the
  /// value, and of one run's loss.
  public func estimate(
    at point: TrainingPoint
  ) -> (value: Double, confidence95: ClosedRange<Double>?, prediction95: ClosedRange<Double>?) {
    var gradient = parameters
    let value = form.loss(parameters, point, &gradient)
    func interval(_ extraVariance: Double) -> ClosedRange<Double>? {
      self.interval(value: value, gradient: gradient, extraVariance: extraVariance) {
        var scratch = parameters
        return form.loss($0, point, &scratch)
      }
    }
    return (
      value, interval(0), (uncertainty?.residualStandardDeviation).flatMap { interval($0 * $0) }
    )
  }
}
