import Numerics

/// The samples of one cell, and when there are enough of them.
///
/// The interval of the median is looked at when there are 8 samples, and then each time there are
/// half as many again. Looking often and stopping when it pleases would make a 95% interval hold
/// less often than that, so look k may miss with 5%/(k(k+1)) only; these sum to 5% over all looks
/// there can ever be, so the interval at the end holds with 95% whenever one stops (a confidence
/// sequence by the union bound). The intervals come from order statistics, widened where the samples
/// have a memory.
package struct MedianSampling {
  /// Half the interval's width over the median that is enough; `nil` to go on to the end.
  package let precision: Double?
  package private(set) var values: [Double] = []
  package private(set) var isPrecise = false
  private var look = 0
  private var nextLook = 8

  package init(precision: Double?) { self.precision = precision }

  package mutating func add(_ value: Double) {
    values.append(value)
    guard let precision, values.count >= nextLook else { return }
    look += 1
    nextLook = max(nextLook + 1, nextLook * 3 / 2)
    isPrecise = halfWidth.map { $0 <= precision } ?? false
  }

  /// The error that the present interval may have: 5% where the number of samples was fixed in
  /// advance, else what is left to the latest look.
  private var error: Double {
    precision == nil ? 0.05 : 0.05 * AlphaSpending.unbounded(look: max(1, look))
  }

  package var designEffect: Double { Autocorrelation.medianDesignEffect(values) }

  package var interval: ClosedRange<Double>? {
    Quantiles.medianInterval(values, confidence: 1 - error, designEffect: designEffect)
  }

  /// Half the interval's width over the median.
  package var halfWidth: Double? {
    interval.map { ($0.upperBound - $0.lowerBound) / 2 / Quantiles.median(values) }
  }
}
