import Foundation
import Model

/// Attention of several new tokens a sequence on a GPU, with the write of their keys and values.
///
/// ```
/// t = launch + body + write
/// arithmetic = tiles·4·rows·positions·e / (P·flop_share) + blocks·block / units
/// memory     = (qo_exposed·QO + kv_exposed·KV) / BW
/// walk       = walk_start + last·(bytes of a KV tile)·units / (BW·walk_bandwidth)
/// body       = ‖‖arithmetic, memory‖, walk‖ + tail·walk·max(0, 1 - units/blocks)
/// write      = ‖W/(BW·write_share), write_wave·waves‖₄, faster by 1 + cache_gain where W stays in L2
/// ```
/// A block is one tile of query rows of one head; it walks over the KV tiles it sees, `last` for
/// the last rows. The longest walk ends alone: `tail`.
public struct PrefillAttention: CostForm {
  public static let family = "prefill_attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.5, carries: false,
      "seconds before anything runs: two launches, of the cache write and of attention"),
    Coefficient(
      "flop_share", nominal: 0.5, spread: 0.3, "share of the peak reached on whole tiles"),
    Coefficient(
      "block", nominal: 2e-6, spread: 0.7, carries: false,
      "seconds of a unit for each query tile: first loads, the softmax's end, the store"),
    Coefficient(
      "walk_bandwidth", nominal: 1, spread: 0.5,
      "speed of a walk that runs alone, over its unit's share of the bandwidth"),
    Coefficient(
      "walk_start", nominal: 5e-6, spread: 0.7, carries: false, "seconds until a walk moves"),
    Coefficient(
      "tail", nominal: 1, spread: 0.5, "share of the longest walk left when units run dry"),
    Coefficient(
      "qo_exposed", nominal: 1, spread: 0.5,
      "queries' and outputs' bytes over bandwidth count so many times"),
    Coefficient(
      "kv_exposed", nominal: 1, spread: 0.7, "keys' and values' bytes count so many times"),
    Coefficient(
      "write_wave", nominal: 1e-5, spread: 0.5, carries: false,
      "seconds of a wave of blocks that write the cache"),
    Coefficient(
      "write_share", nominal: 1, spread: 0.5, "share of the bandwidth that the write reaches"),
    Coefficient(
      "body_exponent", nominal: 3, spread: 0.3, "how work and the longest walk overlap"),
    Coefficient(
      "memory_exponent", nominal: 3, spread: 0.3, "how arithmetic and memory overlap"),
    Coefficient(
      "cache_edge", nominal: 1, spread: 0.5, "share of the last cache that a write may fill"),
    Coefficient(
      "cache_gain", nominal: 1, spread: 0.7, "a write in the last cache is 1 + this times faster"),
  ]

  private let context: DeviceContext
  private let launch, flopShare, block, walkBandwidth, walkStart, tail, qoExposed: Double
  private let kvExposed, writeWave, writeShare: Double
  private let cacheEdge, cacheGain: Double
  private let largerOfBody, largerOfMemory: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    flopShare = values[1]
    block = values[2]
    walkBandwidth = values[3]
    walkStart = values[4]
    tail = values[5]
    qoExposed = values[6]
    kvExposed = values[7]
    writeWave = values[8]
    writeShare = values[9]
    largerOfBody = SmoothMaximum(exponent: values[10])
    largerOfMemory = SmoothMaximum(exponent: values[11])
    cacheEdge = values[12]
    cacheGain = values[13]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let s = SequenceAttention(shape)
    let rows = AttentionStructure.queryRows
    let positions = AttentionStructure.tilePositions(shape.headDimension)
    let rowTiles = ceiling(s.new / rows)
    // Causal: row tile i sees the positions up to its last row, in whole KV tiles.
    let ratio = positions / rows
    let whole = floored(rowTiles / ratio)
    let rest = rowTiles - ratio * whole
    let diagonal = ratio * whole * (whole + 1) / 2 + rest * (whole + 1)
    let tiles =
      s.batch * s.queryHeads * (diagonal + rowTiles * (s.context - s.new) / positions)
      * s.visibleShare
    let blocks = s.batch * s.queryHeads * rowTiles
    let last = ceiling(s.context / positions) * s.visibleShare
    let flops = 4 * rows * positions * s.headDimension
    let tileBytes = 2 * context.cacheBytes * positions * s.headDimension

    let arithmetic =
      tiles * flops / (context.peak * flopShare) + blocks * block / context.units
    let queryBytes =
      2 * context.activationBytes * s.batch * s.new * s.queryHeads * s.headDimension
    let keyBytes =
      2 * context.cacheBytes * s.batch * s.context * s.keyValueHeads * s.headDimension
    let memory = (qoExposed * queryBytes + kvExposed * keyBytes) / context.bandwidth
    let walk =
      walkStart + last * tileBytes * context.units / (context.bandwidth * walkBandwidth)
    let work = largerOfMemory(arithmetic, memory)
    let body =
      largerOfBody(work, walk)
      + tail * walk * max(0, 1 - context.units / blocks)
    let written = 2 * context.cacheBytes * s.batch * s.new * s.keyValueHeads * s.headDimension
    let writeWaves =
      s.batch * s.new
      * min(s.keyValueHeads * s.headDimension, AttentionStructure.writeThreads)
      / (AttentionStructure.residentThreads * context.units)
    let hit = residentShare(2 * written, edge: cacheEdge, context)
    let write =
      smoothMaximum4(written / (context.bandwidth * writeShare), writeWave * writeWaves)
      * (1 - hit * cacheGain / (1 + cacheGain))
    return OperatorCost(
      seconds: launch + body + write, compute: arithmetic, bandwidth: memory + write,
      latency: launch + walk)
  }

  public static func floorSeconds(_ shape: AttentionShape, _ context: DeviceContext) -> Double {
    let s = SequenceAttention(shape)
    let bytes =
      2 * s.batch * s.headDimension
      * (context.cacheBytes * s.keyValueHeads * s.context
        + context.activationBytes * s.queryHeads * s.new)
    let cached = context.isWarm ? context.lastLevelCache : 0
    return max(shape.flops / context.peak, max(0, bytes - cached) / context.bandwidth)
  }

  /// By waves of query tiles over the units of a large GPU.
  public static func regime(_ shape: AttentionShape) -> String {
    let s = SequenceAttention(shape)
    return AttentionRegime.named(blocks: s.batch * s.queryHeads * (s.new / 64).rounded(.up))
  }

  public static func features(_ shape: AttentionShape) -> [(name: String, value: Double)] {
    AttentionRegime.features(shape)
  }
}

enum AttentionRegime {
  static func named(blocks: Double) -> String {
    switch blocks {
    case ..<32: "up to 32 blocks"
    case ..<128: "32 to 128 blocks"
    case ..<512: "128 to 512 blocks"
    case ..<4096: "512 to 4096 blocks"
    default: "4096 blocks and more"
    }
  }

  static func features(_ shape: AttentionShape) -> [(name: String, value: Double)] {
    [
      ("head_dimension", Double(shape.headDimension)), ("query_heads", Double(shape.queryHeads)),
      ("key_value_heads", Double(shape.keyValueHeads)),
      ("context", Double(shape.positions) / Double(shape.sequences)),
      ("sequences", Double(shape.sequences)),
    ]
  }
}
