import Foundation
import Model

/// Attention of one new token a sequence over its cache, on a GPU.
///
/// ```
/// t = launch + body + pack·[H > K] + transpose·[copied] + [split]·(combine + combine_split·splits)
///     + small_exposed·(small bytes)/BW + write_wave·waves
/// walk    = tiles of a part·(bytes of a KV tile)·units / (BW·walk_bandwidth)
/// through = resident·(block + tiles of a part·‖padded FLOPs·units/(P·flop_share),
///                                              bytes·units/(BW·memory_share)‖)
/// body    = ⌊w⌋·‖walk, through‖ + ‖least, (w - ⌊w⌋)·through‖
/// ```
/// A block is the query group of one KV head of one sequence (or a part of its walk, where the walk
/// is split to fill the device); `w` waves of blocks run over the units. The rows of a group are
/// padded to a tile, so grouping is nearly free up to 64 query heads a KV head. Bytes found in the
/// last cache are read `1 + cache_gain` times faster, in timing loops only.
public struct DecodeAttention: CostForm {
  public static let family = "decode_attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 5e-6, spread: 0.5, carries: false,
      "seconds before anything runs: two launches, of the cache write and of attention"),
    Coefficient(
      "pack", nominal: 5e-6, spread: 0.7, carries: false,
      "more seconds where query heads are grouped"),
    Coefficient(
      "transpose", nominal: 5e-6, spread: 0.5, carries: false,
      "seconds of two copies where several groups of several sequences are packed"),
    Coefficient(
      "combine", nominal: 5e-6, spread: 0.5, carries: false,
      "seconds to launch the kernel that joins parts"),
    Coefficient(
      "combine_split", nominal: 5e-7, spread: 0.7, carries: false,
      "seconds of that kernel for each part"),
    Coefficient(
      "walk_bandwidth", nominal: 1, spread: 0.5,
      "speed of a walk that runs alone, over its unit's share of the bandwidth"),
    // Of a CPU's few threads 0.53, of the A100's waves 0.96.
    Coefficient(
      "memory_share", nominal: 0.7, spread: 0.3, carries: false,
      "share of the bandwidth that full waves reach"),
    Coefficient(
      "flop_share", nominal: 0.5, spread: 0.3, "share of the peak reached on padded tiles"),
    Coefficient(
      "block", nominal: 2e-6, spread: 0.7, carries: false, "seconds of a unit for each block"),
    Coefficient(
      "body_exponent", nominal: 3, spread: 0.3, "how walk, arithmetic and memory overlap"),
    Coefficient(
      "wave_floor", nominal: 1, spread: 0.5,
      "least time of a part wave after full ones, over a full one's"),
    Coefficient(
      "small_exposed", nominal: 1, spread: 0.5,
      "queries', outputs' and partial sums' bytes over bandwidth count so many times"),
    Coefficient(
      "write_wave", nominal: 1e-5, spread: 0.5, carries: false,
      "seconds of a wave of blocks that write the cache"),
    Coefficient(
      "cache_edge", nominal: 1, spread: 0.5, "share of the last cache that KV may fill"),
    Coefficient(
      "cache_gain", nominal: 1, spread: 0.7, "KV in the last cache is read 1 + this times faster"),
  ]

  private let context: DeviceContext
  private let launch, pack, transpose, combine, combineSplit, walkBandwidth: Double
  private let memoryShare, flopShare, block, waveFloor, smallExposed: Double
  private let writeWave, cacheEdge, cacheGain: Double
  private let larger: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    pack = values[1]
    transpose = values[2]
    combine = values[3]
    combineSplit = values[4]
    walkBandwidth = values[5]
    memoryShare = values[6]
    flopShare = values[7]
    block = values[8]
    larger = SmoothMaximum(exponent: values[9])
    waveFloor = values[10]
    smallExposed = values[11]
    writeWave = values[12]
    cacheEdge = values[13]
    cacheGain = values[14]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let s = SequenceAttention(shape)
    let group = s.queryHeads / s.keyValueHeads
    let positions = AttentionStructure.tilePositions(shape.headDimension)
    let tiles = ceiling(s.context / positions)
    let rowTiles = ceiling(group / AttentionStructure.queryRows)
    let groups = s.batch * s.keyValueHeads * rowTiles
    let slots = AttentionStructure.tilesPerUnit * context.units
    // Plain multi-head attention takes a path that never splits.
    let isGrouped = group > 1
    let splits =
      isGrouped
      ? AttentionStructure.splits(blocks: groups, tiles: tiles, slots: slots) : 1
    let blocks = groups * splits
    let tilesOfPart = ceiling(tiles / splits)
    let filled = s.context / (positions * tiles)
    let flops = 4 * AttentionStructure.queryRows * positions * s.headDimension
    let tileBytes = 2 * context.cacheBytes * positions * s.headDimension
    let keyBytes =
      2 * context.cacheBytes * s.batch * s.keyValueHeads * s.context * s.headDimension

    let hit = residentShare(keyBytes, edge: cacheEdge, context)
    let tileMemory =
      tileBytes * filled * context.units / (context.bandwidth * memoryShare)
      * (1 - hit * cacheGain / (1 + cacheGain))
    let tileArithmetic = flops * context.units / (context.peak * flopShare)
    let walk = tilesOfPart * tileBytes * context.units / (context.bandwidth * walkBandwidth)
    let through =
      AttentionStructure.tilesPerUnit
      * (block + tilesOfPart * larger(tileArithmetic, tileMemory))
    let full = larger(walk, through)
    let waves = blocks / slots
    let whole = floored(waves)
    let rest = waves - whole
    let least = whole >= 1 ? max(walk, waveFloor * full) * min(1, 8 * rest) : walk
    let body = whole * full + larger(least, rest * through)

    let isCopied = isGrouped && s.keyValueHeads > 1 && s.batch > 1
    let isSplit = splits > 1
    let width = s.batch * s.queryHeads * s.headDimension
    let smallBytes =
      2 * context.activationBytes * width * (isCopied ? 3 : 1) + (isSplit ? 8 * width * splits : 0)
    let small = smallExposed * smallBytes / context.bandwidth
    let writeWaves =
      s.batch * min(s.keyValueHeads * s.headDimension, AttentionStructure.writeThreads)
      / (AttentionStructure.residentThreads * context.units)
    let fixed =
      launch + (isGrouped ? pack : 0) + (isCopied ? transpose : 0)
      + (isSplit ? combine + combineSplit * splits : 0) + writeWave * writeWaves
    let passes = waves * AttentionStructure.tilesPerUnit * tilesOfPart
    return OperatorCost(
      seconds: fixed + body + small, compute: passes * tileArithmetic,
      bandwidth: passes * tileMemory + small, latency: fixed + (waves < 1 ? walk : 0))
  }

  public static func floorSeconds(_ shape: AttentionShape, _ context: DeviceContext) -> Double {
    let s = SequenceAttention(shape)
    let bytes =
      2 * context.cacheBytes * s.batch * s.headDimension * s.keyValueHeads * s.context
    let cached = context.isWarm ? context.lastLevelCache : 0
    return max(shape.flops / context.peak, max(0, bytes - cached) / context.bandwidth)
  }

  /// By waves of blocks over the units of a large GPU.
  public static func regime(_ shape: AttentionShape) -> String {
    let s = SequenceAttention(shape)
    let group = s.queryHeads / s.keyValueHeads
    return AttentionRegime.named(
      blocks: s.batch * s.keyValueHeads * (group / 64).rounded(.up))
      + (group > 1 ? ", grouped" : "")
  }

  public static func features(_ shape: AttentionShape) -> [(name: String, value: Double)] {
    AttentionRegime.features(shape)
  }
}
