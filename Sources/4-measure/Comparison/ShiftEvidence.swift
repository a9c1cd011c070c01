import Numerics

/// What samples tell about how much longer the candidate takes, in logarithms of time.
protocol ShiftEvidence {
  /// The natural logarithm of candidate's time over baseline's.
  var estimate: Double { get }
  /// The chance of such samples, if the shift were `margin` or less.
  func pValue(above margin: Double) -> Double
  /// The chance of such samples, if the shift were `margin` or more.
  func pValue(below margin: Double) -> Double
  func interval(alpha: Double) -> ClosedRange<Double>
}

/// Log ratios of pairs that ran one right after the other, in an order drawn by coin.
struct PairedEvidence: ShiftEvidence {
  let logRatios: [Double]
  /// Of what the pairs of the same processes share.
  let designEffect: Double

  var estimate: Double { logRatios.isEmpty ? 0 : SignedRank.center(logRatios) }
  func pValue(above margin: Double) -> Double {
    SignedRank.pValue(logRatios, above: margin, designEffect: designEffect)
  }
  func pValue(below margin: Double) -> Double {
    SignedRank.pValue(logRatios, below: margin, designEffect: designEffect)
  }
  func interval(alpha: Double) -> ClosedRange<Double> {
    SignedRank.interval(logRatios, alpha: alpha, designEffect: designEffect)
  }
}

/// Logarithms of times that were measured apart.
struct UnpairedEvidence: ShiftEvidence {
  private let baseline: [Double]
  private let candidate: [Double]
  private let designEffect: Double

  /// - Parameters: logarithms of times, in the order in which they were measured.
  init(baseline: [Double], candidate: [Double]) {
    self.baseline = baseline
    self.candidate = candidate
    // Neighbours in time resemble each other; the worse of the two counts for both.
    designEffect = max(
      Autocorrelation.designEffect(RankCorrelation.ranks(baseline)),
      Autocorrelation.designEffect(RankCorrelation.ranks(candidate)))
  }

  var estimate: Double { RankSum.shift(candidate, above: baseline) }
  func pValue(above margin: Double) -> Double {
    RankSum.pValue(candidate, above: baseline, by: margin, designEffect: designEffect)
  }
  func pValue(below margin: Double) -> Double {
    RankSum.pValue(candidate, below: baseline, by: margin, designEffect: designEffect)
  }
  func interval(alpha: Double) -> ClosedRange<Double> {
    RankSum.interval(candidate, above: baseline, alpha: alpha, designEffect: designEffect)
  }
}

/// The same measurement on both sides: there is nothing to differ.
struct IdenticalEvidence: ShiftEvidence {
  var estimate: Double { 0 }
  func pValue(above margin: Double) -> Double { margin < 0 ? 0 : 1 }
  func pValue(below margin: Double) -> Double { margin > 0 ? 0 : 1 }
  func interval(alpha: Double) -> ClosedRange<Double> { 0...0 }
}
