import Foundation
import Model

/// Attention of several new tokens a sequence on a GPU, with the write of their keys and values.
///
/// ```
/// t = launch + body + write
/// arithmetic = tiles·4·rows·positions·e / (P·flop_share) + blocks·block / units
/// memory     = (qo_exposed·QO + kv_exposed·KV) / BW, from the last cache at its rate
/// walk       = walk_start + last·(bytes of a KV tile) / (clock·walk_rate)
/// body       = ‖‖arithmetic, memory‖, walk‖ + tail·walk·max(0, 1 - units/blocks)
/// write      = ‖W/(BW·write_share), write_wave·waves‖₄, from the last cache at its rate
/// ```
/// A block is one tile of query rows of one head; it walks over the KV tiles it sees, `last` for
/// the last rows. The longest walk ends alone: `tail`. Times are in clocks of a unit. FlashAttention-3
/// has tiles of twice as many rows, which hold all query heads of a KV head, and a third kernel that
/// plans: it starts 1.5 and walks and ends tiles twice as long, and copies twice as fast. Where a KV
/// head's rows are at most 64 it runs half of a tile.
public struct PrefillAttention: CostForm {
  public static let family = "prefill_attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 9000, spread: 0.3, carries: false,
      "clocks before anything runs: two launches, of the cache write and of attention"),
    Coefficient(
      "flop_share", nominal: 0.58, spread: 0.3, "share of the peak reached on whole tiles"),
    Coefficient(
      "block", nominal: 1500, spread: 0.7, carries: false,
      "clocks of a unit for each query tile: first loads, the softmax's end, the store"),
    Coefficient(
      "walk_rate", nominal: 14, spread: 0.5, carries: false,
      "bytes a clock of a walk that runs alone"),
    Coefficient(
      "walk_start", nominal: 4300, spread: 0.5, carries: false, "clocks until a walk moves"),
    Coefficient(
      "tail", nominal: 0.6, spread: 0.5, "share of the longest walk left when units run dry"),
    Coefficient(
      "qo_exposed", nominal: 1.2, spread: 0.5,
      "queries' and outputs' bytes over bandwidth count so many times"),
    Coefficient(
      "kv_exposed", nominal: 2, spread: 0.7, "keys' and values' bytes count so many times"),
    Coefficient(
      "write_wave", nominal: 5000, spread: 0.5, carries: false,
      "clocks of a wave of blocks that write the cache"),
    Coefficient(
      "write_share", nominal: 0.8, spread: 0.5, "share of the bandwidth that the write reaches"),
    Coefficient(
      "body_exponent", nominal: 2, spread: 0.3, "how work and the longest walk overlap"),
    Coefficient(
      "memory_exponent", nominal: 1.6, spread: 0.4, "how arithmetic and memory overlap"),
    Coefficient(
      "cache_edge", nominal: 0.6, spread: 0.5, "share of the last cache that operands may fill"),
    Coefficient(
      "cache_share", nominal: 0.5, spread: 0.7, carries: false,
      "share of the units' ports at which the last cache is read and written"),
  ]

  private let context: DeviceContext
  private let launch, flopShare, block, walkRate, walkStart, tail, qoExposed: Double
  private let kvExposed, writeWave, writeShare: Double
  private let cacheEdge, cacheRate: Double
  /// Query rows of a tile, and whether it holds all query heads of a KV head.
  private let rows: Double
  private let packsGroups: Bool
  private let largerOfBody, largerOfMemory: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    packsGroups = context.kernels.attention == .flash3
    let clock = context.clock
    launch = values[0] / clock * (packsGroups ? 1.5 : 1)
    flopShare = values[1]
    block = values[2] / clock * (packsGroups ? 2 : 1)
    walkRate = values[3] * clock * (packsGroups ? 2 : 1)
    walkStart = values[4] / clock * (packsGroups ? 2 : 1)
    tail = values[5]
    qoExposed = values[6]
    kvExposed = values[7]
    writeWave = values[8] / clock
    writeShare = values[9]
    largerOfBody = SmoothMaximum(exponent: values[10])
    largerOfMemory = SmoothMaximum(exponent: values[11])
    cacheEdge = values[12]
    cacheRate = context.portRate * values[13]
    rows = AttentionStructure.queryRows * (packsGroups ? 2 : 1)
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let s = SequenceAttention(shape)
    let positions =
      packsGroups
      ? AttentionStructure.packedTilePositions
      : AttentionStructure.tilePositions(shape.headDimension)
    let group = packsGroups ? s.queryHeads / s.keyValueHeads : 1
    let heads = packsGroups ? s.keyValueHeads : s.queryHeads
    let isHalf = packsGroups && s.new * group <= AttentionStructure.queryRows
    let rows = isHalf ? AttentionStructure.queryRows : self.rows
    let rowTiles = ceiling(s.new * group / rows)
    // Causal: row tile i sees the positions up to its last row, in whole KV tiles.
    let ratio = positions * group / rows
    let whole = floored(rowTiles / ratio)
    let rest = rowTiles - ratio * whole
    let diagonal = ratio * whole * (whole + 1) / 2 + rest * (whole + 1)
    let tiles =
      s.batch * heads * (diagonal + rowTiles * (s.context - s.new) / positions) * s.visibleShare
    let blocks = s.batch * heads * rowTiles
    let last = ceiling(s.context / positions) * s.visibleShare
    let flops = 4 * rows * positions * s.headDimension
    let tileBytes = 2 * context.cacheBytes * positions * s.headDimension

    let arithmetic =
      tiles * flops / (context.peak * flopShare) + blocks * block / context.units
    let queryBytes =
      2 * context.activationBytes * s.batch * s.new * s.queryHeads * s.headDimension
    let keyBytes =
      2 * context.cacheBytes * s.batch * s.context * s.keyValueHeads * s.headDimension
    let held = residentShare(queryBytes + keyBytes, edge: cacheEdge, context)
    let memory =
      (qoExposed * queryBytes + kvExposed * keyBytes)
      * ((1 - held) / context.bandwidth + held / cacheRate)
    let walk = walkStart * (isHalf ? 0.5 : 1) + last * tileBytes / walkRate
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
    let write = smoothMaximum4(
      written * ((1 - hit) / (context.bandwidth * writeShare) + hit / cacheRate),
      writeWave * writeWaves)
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
