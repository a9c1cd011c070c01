import CostModel
import Foundation
import Model

/// An architecture's predicted throughput over another one's, in one workload.
///
/// Both are predictions of one model, so that errors which they share cancel (`GainModel`): the interval is
/// narrower than those of the two throughputs.
public struct PredictedRatio: Sendable {
  public let value: Double
  /// Ends of its 90% interval.
  public let interval90: [Double]

  /// - Returns: `nil` where the device does not hold one of them.
  public init?(
    _ architecture: Architecture, over base: Architecture, _ workload: ServingWorkload,
    _ predictor: Predictor
  ) {
    guard let first = predictor.logThroughput(architecture, workload),
      let second = predictor.logThroughput(base, workload)
    else { return nil }
    let model = GainModel(
      baseline: GainModel.Subject(shape: Shape(base), throughput: second),
      covariance: predictor.coefficientCovariance,
      formVariance: predictor.formVariance(for: [architecture, base]))
    let subject = GainModel.Subject(shape: Shape(architecture), throughput: first)
    let gain = model.logGain(subject)
    let spread = Self.halfWidth * model.ratioDeviation(subject, over: model.baseline)
    value = exp(gain)
    interval90 = [exp(gain - spread), exp(gain + spread)]
  }

  /// Of a normal distribution's 90%, in standard deviations.
  private static let halfWidth = 1.645
}
