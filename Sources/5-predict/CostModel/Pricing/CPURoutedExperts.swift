import Foundation
import Model

/// Gated experts on a CPU: rows are gathered by expert, and the weights of each expert that has any
/// stream from memory once and meet its rows in registers.
///
/// ```
/// m          = rows / distinct experts
/// arithmetic = (2·rows·3hf·e(m) + 2·distinct·(2f + h)·row_start) / (P·flop_share)
/// memory     = distinct·(bytes of an expert) / (BW·memory_share)
/// t          = launch + gather·rows·(2h + 3f)/threads + ‖arithmetic, memory‖
/// ```
/// `e(m)` is as of `CPUMatrixMultiplication`.
public struct CPURoutedExperts: CostForm {
  public static let family = "experts"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 1e-5, spread: 0.7, carries: false,
      "seconds to start and join threads, for both products"),
    Coefficient("flop_share", nominal: 0.7, spread: 0.3, "share of the peak with many rows"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.2, "share of the bandwidth reached"),
    Coefficient(
      "one_row", nominal: 3, spread: 0.7, carries: false,
      "time of a multiply-add with 1 row an expert, over that with many"),
    Coefficient("four_rows", nominal: 1.5, spread: 0.5, carries: false, "the same with 4 rows"),
    Coefficient("sixteen_rows", nominal: 1.2, spread: 0.4, carries: false, "the same with 16 rows"),
    Coefficient(
      "row_start", nominal: 1000, spread: 1, carries: false,
      "multiply-adds that the start of a row of weights costs"),
    Coefficient(
      "gather", nominal: 1e-9, spread: 1, carries: false,
      "seconds of a thread for an element that is gathered, activated or added"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  private let context: DeviceContext
  private let launch, rate, bandwidth, rowStart, gather, exponent: Double
  private let workOfFewRows: WorkOfFewRows

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    rate = context.peak * values[1]
    bandwidth = context.bandwidth * values[2]
    workOfFewRows = WorkOfFewRows(one: values[3], four: values[4], sixteen: values[5])
    rowStart = values[6]
    gather = values[7]
    exponent = values[8]
  }

  public func cost(_ load: ExpertsLoad) -> OperatorCost {
    let routed = load.placement.routed
    let (hidden, columns) = (Double(load.hiddenSize), Double(load.columns))
    let work = workOfFewRows(max(1, routed.rows / routed.distinct))
    let arithmetic =
      (6 * routed.rows * hidden * columns * work
        + 2 * routed.distinct * (2 * columns + hidden) * rowStart) / rate
    let memory = routed.distinct * load.weightBytes(context) / bandwidth
    let moved = gather * routed.rows * (2 * hidden + 3 * columns) / context.units
    return OperatorCost(
      seconds: launch + moved + smoothMaximum(arithmetic, memory, exponent: exponent),
      compute: arithmetic, bandwidth: memory + moved, latency: launch)
  }

  public static func floorSeconds(_ load: ExpertsLoad, _ context: DeviceContext) -> Double {
    RoutedExperts.floorSeconds(load, context)
  }

  public static func regime(_ load: ExpertsLoad) -> String {
    let routed = load.placement.routed
    return switch routed.rows / routed.distinct {
    case ...1.5: "a row an expert"
    case ...64: "to 64 rows an expert"
    default: "over 64 rows an expert"
    }
  }

  public static func features(_ load: ExpertsLoad) -> [(name: String, value: Double)] {
    ExpertsRegime.features(load)
  }
}
