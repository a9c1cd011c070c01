import Foundation
import Input
import Numerics

/// The shape of least loss at a size, by a conditional law.
public struct LawOptimum: Sendable {
  /// `x* = d/√N`.
  public let x: Double
  public let xInterval95: ClosedRange<Double>?
  /// `r*`, MLP over attention parameters.
  public let r: Double
  public let rInterval95: ClosedRange<Double>?

  /// - Throws: where the law has no such optimum.
  public init(_ law: ScalingLaw) throws {
    guard let optimum = try within(law.name, { try law.form.optimum(law.parameters) }) else {
      throw InputError(
        law.name, problem: "form \(law.form.name) has no closed-form optimum in x and r",
        expected: "\(ConditionalMultiplicative.name) or \(ConditionalAdditive.name)")
    }
    x = optimum.normalizedHiddenSize
    r = optimum.mlpToAttentionRatio
    if let rows = law.uncertainty?.resampledRows,
      let degrees = law.uncertainty?.degreesOfFreedom
    {
      // Resamples without a minimum say nothing of where it is.
      let optima = (law.uncertainty?.resamples ?? []).compactMap {
        (try? law.form.optimum($0)) ?? nil
      }
      xInterval95 = Bootstrap.interval(
        optima.map(\.normalizedHiddenSize), rows: rows, degreesOfFreedom: degrees)
      rInterval95 = Bootstrap.interval(
        optima.map(\.mlpToAttentionRatio), rows: rows, degreesOfFreedom: degrees)
    } else {
      // A ratio of two estimates is skewed; its logarithm is closer to normal.
      func interval(_ value: Double, _ gradient: [Double]) -> ClosedRange<Double>? {
        guard let error = law.standardError(gradient), (law.t95 * error) < 100 else { return nil }
        return value * exp(-law.t95 * error)...value * exp(law.t95 * error)
      }
      xInterval95 = interval(x, optimum.logarithmicGradients.x)
      rInterval95 = interval(r, optimum.logarithmicGradients.r)
    }
  }

  /// `d*` at `parameters` (N), a real number.
  public func hiddenSize(parameters: Double) -> Double { x * parameters.squareRoot() }
}
