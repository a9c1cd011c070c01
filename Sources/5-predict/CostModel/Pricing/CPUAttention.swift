import Foundation
import Model

/// Attention on a CPU, prefill and decode alike: the cache streams from memory once, is expanded to
/// f32, and meets each query row. Rows are the query heads of a KV head, of every new token. Up to 12
/// of them pay for expanding it in each tile of six; with more, that hides behind the arithmetic but
/// for once in a block of 64.
///
/// ```
/// expansions = ⌈rows/6⌉ up to 12 rows, above ⌈rows/64⌉, of a KV head and sequence
/// arithmetic = (4·pairs·H·e + 2·expand·expansions·(positions they see)·K·e + softmax·pairs·H)
///              / (P·flop_share)
/// memory     = bytes of keys and values / (BW·memory_share)
/// t          = launch + row·(tokens·H) / units + ‖arithmetic, memory‖
/// ```
public struct CPUAttention: CostForm {
  public static let family = "attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.7, carries: false, "seconds to start and join threads"),
    Coefficient("flop_share", nominal: 0.5, spread: 0.4, "share of the peak"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.3, "share of the bandwidth reached"),
    Coefficient(
      "expand", nominal: 2.5, spread: 0.25, carries: false,
      "FLOPs' worth of expanding a cached element: one or two instructions for eight"),
    Coefficient(
      "softmax", nominal: 30, spread: 0.7, carries: false,
      "FLOPs' worth of a pair's exponential, sum and rescaling"),
    Coefficient(
      "row", nominal: 3e-7, spread: 1, carries: false,
      "seconds of a thread to begin and end a query row"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  /// Query rows of a tile, of a block, and up to which tiles expand by themselves.
  private static let tileRows = 6.0
  private static let blockRows = 64.0
  private static let fewRows = 12.0

  private let context: DeviceContext
  private let launch, rate, bandwidth, expand, softmax, row, exponent: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    rate = context.peak * values[1]
    bandwidth = context.bandwidth * values[2]
    expand = values[3]
    softmax = values[4]
    row = values[5]
    exponent = values[6]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let pairs = Double(shape.pairs)
    let heads = Double(shape.queryHeads)
    let new = Double(shape.tokens) / Double(shape.sequences)
    let rows = new * heads / Double(shape.keyValueHeads)
    let expansions = ceiling(rows / (rows <= Self.fewRows ? Self.tileRows : Self.blockRows))
    let elements =
      2 * Double(shape.positions) * Double(shape.keyValueHeads) * Double(shape.headDimension)
    let seen = pairs / (new * Double(shape.positions))
    let arithmetic =
      (shape.flops + expand * elements * seen * expansions + softmax * pairs * heads) / rate
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
