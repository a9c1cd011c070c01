import Foundation
import Operators

/// Attention on a CPU, prefill and decode alike: the cache streams once for each tile of query
/// rows, is expanded to f32 once for a query group, and meets each of its queries.
///
/// ```
/// arithmetic = (4·pairs·H·e + 2·expand·(positions read)·K·e + softmax·pairs·H) / (P·flop_share)
/// memory     = bytes of keys and values / (BW·memory_share)
/// t          = launch + block·(sequences·K) / units + ‖arithmetic, memory‖
/// ```
public struct CPUAttention: CostForm {
  public static let family = "attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.7, carries: false, "seconds to start and join threads"),
    Coefficient("flop_share", nominal: 0.5, spread: 0.4, "share of the peak"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.3, "share of the bandwidth reached"),
    Coefficient(
      "expand", nominal: 2, spread: 0.7, carries: false, "FLOPs to expand a cached element"),
    Coefficient(
      "softmax", nominal: 30, spread: 0.7, carries: false,
      "FLOPs' worth of a pair's exponential, sum and rescaling"),
    Coefficient(
      "block", nominal: 1e-6, spread: 1, carries: false, "seconds of a thread for each KV head"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  /// Query rows that share one walk over the cache.
  private static let queryRows = 16.0

  private let context: DeviceContext
  private let launch, rate, bandwidth, expand, softmax, block, exponent: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    rate = context.peak * values[1]
    bandwidth = context.bandwidth * values[2]
    expand = values[3]
    softmax = values[4]
    block = values[5]
    exponent = values[6]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let pairs = Double(shape.pairs)
    let heads = Double(shape.queryHeads)
    let new = Double(shape.tokens) / Double(shape.sequences)
    let walks = (new / Self.queryRows).rounded(.up)
    let elements =
      2 * Double(shape.positions) * Double(shape.keyValueHeads) * Double(shape.headDimension)
    let arithmetic =
      (shape.flops + expand * elements * walks + softmax * pairs * heads) / rate
    let memory = elements * context.cacheBytes / bandwidth
    let start =
      launch + block * Double(shape.sequences) * Double(shape.keyValueHeads) / context.units
    return OperatorCost(
      seconds: start + smoothMaximum(arithmetic, memory, exponent: exponent),
      compute: arithmetic, bandwidth: memory, latency: start)
  }

  public static func floorSeconds(_ shape: AttentionShape, _ context: DeviceContext) -> Double {
    let bytes =
      2 * context.cacheBytes * Double(shape.positions) * Double(shape.keyValueHeads)
      * Double(shape.headDimension)
    return max(
      shape.flops / context.peak, max(0, bytes - context.lastLevelCache) / context.bandwidth)
  }

  public static func regime(_ shape: AttentionShape) -> String {
    shape.isDecode ? "decode" : "prefill"
  }

  public static func features(_ shape: AttentionShape) -> [(name: String, value: Double)] {
    AttentionRegime.features(shape)
  }
}
