import Foundation
import Operators

/// Attention on a CPU, prefill and decode alike: the cache streams from memory once, is expanded to
/// f32, and meets each query row. Rows are the query heads of a KV head, of every new token, and pass
/// in tiles of six, so that expanding an element, in other pipes of the core than multiplying, is
/// hidden by a full tile; what is left over takes at least as long as `least_rows` of them.
///
/// ```
/// idle rows  = max(0, least_rows - rows mod 6), of a KV head and sequence, with up to 64 rows
/// arithmetic = (4·pairs·H·e·(1 + idle/2rows) + softmax·pairs·H) / (P·flop_share)
/// memory     = bytes of keys and values / (BW·memory_share)
/// t          = launch + row·(tokens·H) / units + ‖arithmetic, memory‖
/// ```
/// Half of the arithmetic, that with the values, has such a tile; keys meet rows in equal parts.
public struct CPUAttention: CostForm {
  public static let family = "attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.7, carries: false, "seconds to start and join threads"),
    Coefficient("flop_share", nominal: 0.5, spread: 0.4, "share of the peak"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.3, "share of the bandwidth reached"),
    Coefficient(
      "least_rows", nominal: 2, spread: 0.25, carries: false,
      "query rows that expanding what a tile reads takes as long as"),
    Coefficient(
      "softmax", nominal: 30, spread: 0.7, carries: false,
      "FLOPs' worth of a pair's exponential, sum and rescaling"),
    Coefficient(
      "row", nominal: 3e-7, spread: 1, carries: false,
      "seconds of a thread to begin and end a query row"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  /// Query rows of a tile, and of a block that passes over the cache together.
  private static let tileRows = 6.0
  private static let blockRows = 64.0

  private let context: DeviceContext
  private let launch, rate, bandwidth, leastRows, softmax, row, exponent: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    rate = context.peak * values[1]
    bandwidth = context.bandwidth * values[2]
    leastRows = values[3]
    softmax = values[4]
    row = values[5]
    exponent = values[6]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let pairs = Double(shape.pairs)
    let heads = Double(shape.queryHeads)
    let new = Double(shape.tokens) / Double(shape.sequences)
    let rows = new * heads / Double(shape.keyValueHeads)
    let left = rows.truncatingRemainder(dividingBy: Self.tileRows)
    let idle = rows < Self.blockRows && left > 0 ? max(0, leastRows - left) : 0
    let elements =
      2 * Double(shape.positions) * Double(shape.keyValueHeads) * Double(shape.headDimension)
    let arithmetic = (shape.flops * (1 + idle / (2 * rows)) + softmax * pairs * heads) / rate
    let memory = elements * context.cacheBytes / bandwidth
    let start = launch + row * Double(shape.tokens) * heads / context.units
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

  /// Walks over few positions take some microseconds, most of them until the first bytes are there.
  public static func regime(_ shape: AttentionShape) -> String {
    guard shape.isDecode else { return "prefill" }
    return shape.positions < 64 * shape.sequences ? "decode, short" : "decode, long"
  }

  public static func features(_ shape: AttentionShape) -> [(name: String, value: Double)] {
    AttentionRegime.features(shape)
  }
}
