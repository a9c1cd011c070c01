import CostModel
import Foundation
import Model

/// Gains over the baseline in one scenario, with errors as candidates share them.
///
/// The gain is a ratio of two predictions of one model. Coefficients that are off move both sides,
/// and what counts is the difference of the derivatives; what the formulas get wrong is shared by
/// like shapes (`ShapeDistance`). So the ratio is much better known than either throughput.
public struct GainModel {
  /// A shape as the model sees it.
  public struct Subject: Sendable {
    public let shape: Shape
    public let throughput: LogThroughput
  }

  public let baseline: Subject
  let coefficientCovariance: [[Double]]
  /// Variance of the formulas' own error, of the natural logarithm.
  public var formVariance: Double
  public var distance = ShapeDistance()

  public init(baseline: Subject, covariance: [[Double]], formVariance: Double) {
    self.baseline = baseline
    coefficientCovariance = covariance
    self.formVariance = formVariance
  }

  /// Natural logarithm of a subject's throughput over the baseline's.
  public func logGain(_ subject: Subject) -> Double {
    subject.throughput.value - baseline.throughput.value
  }

  /// Covariance of the logarithms of two ratios: of `first` over `base`, of `second` over `base`.
  func covariance(_ first: Subject, _ second: Subject, over base: Subject) -> Double {
    let a = zip(first.throughput.slopes, base.throughput.slopes).map { $0 - $1 }
    let b = zip(second.throughput.slopes, base.throughput.slopes).map { $0 - $1 }
    var result = 0.0
    for (row, left) in a.enumerated() {
      for (column, right) in b.enumerated() {
        result += left * coefficientCovariance[row][column] * right
      }
    }
    func shared(_ one: Subject, _ other: Subject) -> Double {
      distance.correlation(one.shape, other.shape)
    }
    return result
      + formVariance
      * (shared(first, second) - shared(first, base) - shared(base, second) + 1)
  }

  /// Standard deviation of the logarithm of one subject's throughput over another's.
  public func ratioDeviation(_ subject: Subject, over base: Subject) -> Double {
    max(0, covariance(subject, subject, over: base)).squareRoot()
  }
}
