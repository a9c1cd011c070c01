import Foundation
import Model

/// Latent attention on a CPU (DeepSeek-V2, arXiv 2405.04434): keys and values of all positions are
/// projected from the cache first, or queries and outputs are projected instead and the cache itself
/// is attended to, whichever takes fewer FLOPs of a sequence.
///
/// ```
/// projected  = 2·(expanded positions + absorbed tokens)·rank·H·(nope + e_v) / (P·projection_share)
/// attended   = (2·expanded pairs·H·(e_k + e_v) + 2·absorbed pairs·H·(2·rank + rope)
///               + softmax·pairs·H + 2·expand·absorbed positions·(rank + rope)·⌈rows/64⌉) / (P·flop_share)
/// memory     = (bytes of the projections' weights and of the cache) / (BW·memory_share)
/// t          = launch + row·(tokens·H)/units + ‖projected + attended, memory‖
/// ```
/// Absorbed, one cached row serves all heads of a sequence's new tokens: those are its `rows`.
public struct CPULatentAttention: CostForm {
  public static let family = "latent_attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 1e-5, spread: 0.7, carries: false, "seconds to start and join threads"),
    Coefficient("projection_share", nominal: 0.6, spread: 0.4, "share of the peak of projections"),
    Coefficient("flop_share", nominal: 0.5, spread: 0.4, "share of the peak of attention"),
    Coefficient("memory_share", nominal: 0.8, spread: 0.3, "share of the bandwidth reached"),
    Coefficient(
      "expand", nominal: 2.5, spread: 0.25, carries: false,
      "FLOPs' worth of expanding a cached element"),
    Coefficient(
      "softmax", nominal: 30, spread: 0.7, carries: false,
      "FLOPs' worth of a pair's exponential, sum and rescaling"),
    Coefficient(
      "row", nominal: 3e-7, spread: 1, carries: false,
      "seconds of a thread to begin and end a query row"),
    Coefficient(
      "exponent", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
  ]

  private static let blockRows = 64.0

  private let context: DeviceContext
  private let launch, projectionRate, rate, bandwidth, expand, softmax, row, exponent: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    projectionRate = context.peak * values[1]
    rate = context.peak * values[2]
    bandwidth = context.bandwidth * values[3]
    expand = values[4]
    softmax = values[5]
    row = values[6]
    exponent = values[7]
  }

  public func cost(_ shape: LatentAttentionShape) -> OperatorCost {
    let (expanded, absorbed) = (shape.expanded, shape.absorbed)
    let heads = Double(shape.queryHeads)
    let (rank, cached) = (Double(shape.rank), Double(shape.cacheWidth))
    let matrix = rank * Double(shape.expandedWidth)
    let key = Double(shape.plainWidth + shape.rotaryWidth)
    let projected = 2 * Double(expanded.positions + absorbed.tokens) * matrix / projectionRate
    let blocks =
      absorbed.sequences > 0
      ? ceiling(Double(absorbed.tokens) / Double(absorbed.sequences) * heads / Self.blockRows) : 0
    let attended =
      (2 * Double(expanded.pairs) * heads * (key + Double(shape.valueWidth))
        + 2 * Double(absorbed.pairs) * heads * (cached + rank)
        + softmax * Double(expanded.pairs + absorbed.pairs) * heads
        + 2 * expand * Double(absorbed.positions) * cached * blocks) / rate
    let memory =
      (matrix * context.weightBytes + Double(shape.positions) * cached * context.cacheBytes)
      / bandwidth
    let arithmetic = projected + attended
    let start = launch + row * Double(shape.tokens) * heads / context.units
    return OperatorCost(
      seconds: start + smoothMaximum(arithmetic, memory, exponent: exponent),
      compute: arithmetic, bandwidth: memory, latency: start)
  }

  public static func floorSeconds(
    _ shape: LatentAttentionShape, _ context: DeviceContext
  ) -> Double {
    MultiHeadLatentAttention.floorSeconds(shape, context)
  }

  public static func regime(_ shape: LatentAttentionShape) -> String {
    shape.absorbed.tokens == shape.absorbed.sequences && shape.expanded.tokens == 0
      ? "decode" : "prefill"
  }

  public static func features(_ shape: LatentAttentionShape) -> [(name: String, value: Double)] {
    LatentAttentionRegime.features(shape)
  }
}
