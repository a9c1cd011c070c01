import Foundation

/// GEMM on a CPU: weights stream from memory once and meet rows of activations in registers.
///
/// ```
/// arithmetic = (2mnk·e(m) + 2n·row_start) / (P·flop_share)
/// memory     = bytes of the weights / (BW·memory_share)
/// t          = launch + ‖arithmetic, memory‖
/// ```
/// With few rows a weight is used a few times only, and what expanding it costs shows: `e(m)` is the
/// time of a multiply-add over that with many rows, given at 1, 4 and 16 rows and interpolated in
/// logarithms up to 1 at 64. Weights of another dtype have coefficients of their own.
public struct CPUMatrixMultiplication: CostForm {
  public static let family = "gemm"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.7, carries: false, "seconds to start and join threads"),
    Coefficient("flop_share", nominal: 0.7, spread: 0.3, "share of the peak with many rows"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.2, "share of the bandwidth reached"),
    Coefficient(
      "one_row", nominal: 3, spread: 0.7, carries: false,
      "time of a multiply-add with 1 row, over that with many"),
    Coefficient("four_rows", nominal: 1.5, spread: 0.5, carries: false, "the same with 4 rows"),
    Coefficient("sixteen_rows", nominal: 1.2, spread: 0.4, carries: false, "the same with 16 rows"),
    Coefficient(
      "row_start", nominal: 1000, spread: 1, carries: false,
      "multiply-adds that the start of a row of weights costs"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  private let context: DeviceContext
  private let launch, rate, bandwidth, rowStart, exponent: Double
  private let workOfFewRows: WorkOfFewRows

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    rate = context.peak * values[1]
    bandwidth = context.bandwidth * values[2]
    workOfFewRows = WorkOfFewRows(one: values[3], four: values[4], sixteen: values[5])
    rowStart = values[6]
    exponent = values[7]
  }

  public func cost(_ shape: MatrixShape) -> OperatorCost {
    let n = Double(shape.n)
    let arithmetic = (shape.flops * workOfFewRows(Double(shape.m)) + 2 * n * rowStart) / rate
    let memory = context.weightBytes * n * Double(shape.k) / bandwidth
    return OperatorCost(
      seconds: launch + smoothMaximum(arithmetic, memory, exponent: exponent),
      compute: arithmetic, bandwidth: memory, latency: launch)
  }

  public static func floorSeconds(_ shape: MatrixShape, _ context: DeviceContext) -> Double {
    let weights = context.weightBytes * Double(shape.n) * Double(shape.k)
    return max(
      shape.flops / context.peak, max(0, weights - context.lastLevelCache) / context.bandwidth)
  }

  public static func regime(_ shape: MatrixShape) -> String {
    shape.m == 1 ? "m = 1" : shape.m < 64 ? "m under 64" : "m from 64"
  }

  public static func features(_ shape: MatrixShape) -> [(name: String, value: Double)] {
    MatrixMultiplication.features(shape)
  }
}
