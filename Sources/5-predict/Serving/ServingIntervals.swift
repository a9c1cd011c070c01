import CostModel
import Records

/// How far predictions of serving runs are off, as half-widths of 90% intervals in natural logarithms.
///
/// From published closed-loop runs whose (engine, model) was left out of the fit: the 90% quantile of
/// their errors, which `dyno-cost-study serving` prints. Where the operators are not calibrated on the
/// device, what whole runs on nominal or transferred ones were off more is added.
public struct ServingIntervals: Sendable {
  public let timeToFirstToken: Double
  public let timePerOutputToken: Double
  /// Of throughput, cost and energy, which follow from both.
  public let throughput: Double

  public init(_ rung: Rung) {
    // Independent errors add up as squares: 15% and 10% deviations of nominal and transferred
    // operators (`Predictor.ownVariance`), over the 8% of calibrated ones.
    let extra: Double =
      switch rung {
      case .nominal: 1.645 * (0.15 * 0.15 - 0.08 * 0.08).squareRoot()
      case .transferred: 1.645 * (0.1 * 0.1 - 0.08 * 0.08).squareRoot()
      case .operators, .endToEnd: 0
      }
    func widened(_ own: Double) -> Double { (own * own + extra * extra).squareRoot() }
    timeToFirstToken = widened(0.65)
    timePerOutputToken = widened(0.25)
    throughput = widened(0.25)
  }
}
