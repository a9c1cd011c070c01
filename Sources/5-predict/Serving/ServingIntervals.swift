import CostModel
import Records

/// How far predictions of serving runs are off, as half-widths of 90% intervals in natural logarithms.
///
/// From published closed-loop runs: the 90% quantile of an engine's errors
/// (`benchmarks/cost/check_serving.py` prints them), a little wider where few models were measured. Where
/// the operators are not calibrated on the device, what whole runs on nominal or transferred ones were
/// off more is added.
public struct ServingIntervals: Sendable {
  public let timeToFirstToken: Double
  public let timePerOutputToken: Double
  /// Of throughput, cost and energy, which follow from both.
  public let throughput: Double

  /// - Parameter policy: whose runs were off by so much; those without runs take the widest TPOT's.
  public init(_ rung: Rung, _ policy: PolicyKind) {
    // Independent errors add up as squares: 15% and 10% deviations of nominal and transferred
    // operators (`Predictor.ownVariance`), over the 8% of calibrated ones.
    let extra: Double =
      switch rung {
      case .nominal: 1.645 * (0.15 * 0.15 - 0.08 * 0.08).squareRoot()
      case .transferred: 1.645 * (0.1 * 0.1 - 0.08 * 0.08).squareRoot()
      case .operators, .endToEnd: 0
      }
    func widened(_ own: Double) -> Double { (own * own + extra * extra).squareRoot() }
    let (first, rest): (Double, Double) =
      switch policy {
      case .vllm, .vllm2024: (0.35, 0.2)
      case .tensorRT: (0.75, 0.22)
      case .sglang: (1.1, 0.25)
      // Closed loops of two models on one host (`dyno-cost-study host-load`): up to 0.16 and 0.17.
      case .dyno: (0.25, 0.2)
      case .staticBatches: (0.75, 0.25)
      }
    timeToFirstToken = widened(first)
    timePerOutputToken = widened(rest)
    throughput = widened(rest)
  }
}
