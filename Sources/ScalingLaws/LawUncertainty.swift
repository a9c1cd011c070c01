/// How well a law is known.
public struct LawUncertainty: Sendable {
  /// In which terms the scatter about the law is measured.
  public enum Scale: String, Codable, Sendable {
    case loss
    case logLoss = "log_loss"
  }

  /// Scatter of single runs about the law: the residuals' standard deviation.
  public var residualStandardDeviation: Double
  public var residualScale: Scale
  /// Rows less free parameters; `nil` where not known (the normal distribution is then used).
  public var degreesOfFreedom: Int?
  /// Of the free parameters' fitted coordinates, in the form's order: the logarithm of positive
  /// parameters, the value of others. `nil` where not known.
  public var covariance: [[Double]]?
  /// Parameters refitted to resampled data, where that was asked for; intervals then come from
  /// these.
  public var resamples: [[Double]]
  /// The rows that `resamples`' percentiles are widened for: rows of the data where rows were
  /// resampled, the degrees of freedom where (already widened) residuals were.
  public var resampledRows: Int?

  public init(
    residualStandardDeviation: Double, residualScale: Scale, degreesOfFreedom: Int? = nil,
    covariance: [[Double]]? = nil, resamples: [[Double]] = [], resampledRows: Int? = nil
  ) {
    self.residualStandardDeviation = residualStandardDeviation
    self.residualScale = residualScale
    self.degreesOfFreedom = degreesOfFreedom
    self.covariance = covariance
    self.resamples = resamples
    self.resampledRows = resampledRows
  }
}
