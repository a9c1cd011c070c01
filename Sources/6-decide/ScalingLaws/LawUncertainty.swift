/// How well a law is known.
public struct LawUncertainty: Sendable {
  /// Scatter of single runs about the law: the standard deviation of
  /// predicted less measured loss, in nats.
  public var residualStandardDeviation: Double
  /// Rows less free parameters; `nil` where not known (the normal distribution is then used).
  public var degreesOfFreedom: Int?
  /// Of the free parameters' fitted coordinates, in the form's order: the logarithm of positive
  /// parameters, the value of others. `nil` where not known.
  public var covariance: [[Double]]?
  /// Parameters refitted to resampled data, where that was asked for; intervals then come from
  /// these.
  public var resamples: [[Double]]
  /// The rows that the percentiles of `resamples` are widened for (`Bootstrap.interval`).
  public var resampledRows: Int?

  public init(
    residualStandardDeviation: Double, degreesOfFreedom: Int? = nil,
    covariance: [[Double]]? = nil, resamples: [[Double]] = [], resampledRows: Int? = nil
  ) {
    self.residualStandardDeviation = residualStandardDeviation
    self.degreesOfFreedom = degreesOfFreedom
    self.covariance = covariance
    self.resamples = resamples
    self.resampledRows = resampledRows
  }
}
