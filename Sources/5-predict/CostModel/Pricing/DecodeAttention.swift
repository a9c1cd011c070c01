import Foundation
import Model

/// Attention of one new token a sequence over its cache, on a GPU.
///
/// ```
/// t = launch + body + pack·[H > K] + transpose·[copied] + [split]·(combine + combine_split·splits)
///     + small_exposed·(small bytes)/(rate of the last cache) + write_wave·waves
/// walk    = tiles of a part·(bytes of a KV tile) / (clock·walk_rate)
/// through = resident·(block + tiles of a part·‖padded FLOPs·units/(P·flop_share),
///                                              bytes·units/(BW·memory_share)‖)
/// body    = ⌊w⌋·‖walk, through‖ + ‖least, (w - ⌊w⌋)·through‖
/// ```
/// A block is the query group of one KV head of one sequence (or a part of its walk, where the walk
/// is split to fill the device); `w` waves of blocks run over the units. The rows of a group are
/// padded to a tile, so grouping is nearly free up to 64 query heads a KV head. Times are in clocks of
/// a unit. Bytes found in the last cache, in timing loops only, are read at its rate. FlashAttention-3
/// needs no packing, one block fills a unit and starts with its walk; a third kernel plans, and parts
/// are joined by a smaller one.
public struct DecodeAttention: CostForm {
  public static let family = "decode_attention"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 11_500, spread: 0.3, carries: false,
      "clocks before anything runs: two launches, of the cache write and of attention"),
    Coefficient(
      "pack", nominal: 2500, spread: 0.5, carries: false,
      "more clocks where query heads are grouped"),
    Coefficient(
      "transpose", nominal: 8000, spread: 0.5, carries: false,
      "clocks of two copies where several groups of several sequences are packed"),
    Coefficient(
      "combine", nominal: 6300, spread: 0.5, carries: false,
      "clocks to launch the kernel that joins parts"),
    Coefficient(
      "combine_split", nominal: 300, spread: 0.7, carries: false,
      "clocks of that kernel for each part"),
    Coefficient(
      "walk_rate", nominal: 15, spread: 0.5, carries: false,
      "bytes a clock of a walk that runs alone"),
    // Of a CPU's few threads 0.53, of the A100's waves 0.96.
    Coefficient(
      "memory_share", nominal: 0.9, spread: 0.2, carries: false,
      "share of the bandwidth that full waves reach"),
    Coefficient(
      "flop_share", nominal: 0.55, spread: 0.4, "share of the peak reached on padded tiles"),
    Coefficient(
      "block", nominal: 1200, spread: 0.7, carries: false, "clocks of a unit for each block"),
    Coefficient(
      "body_exponent", nominal: 3, spread: 0.4, "how walk, arithmetic and memory overlap"),
    Coefficient(
      "wave_floor", nominal: 0.6, spread: 0.5,
      "least time of a part wave after full ones, over a full one's"),
    Coefficient(
      "small_exposed", nominal: 8, spread: 0.3, carries: false,
      "queries', outputs' and partial sums' bytes over the units' ports count so many times"),
    Coefficient(
      "write_wave", nominal: 9000, spread: 0.5, carries: false,
      "clocks of a wave of blocks that write the cache"),
    Coefficient(
      "cache_edge", nominal: 0.7, spread: 0.4, "share of the last cache that KV may fill"),
    Coefficient(
      "cache_share", nominal: 0.6, spread: 0.6, carries: false,
      "share of the units' ports at which the last cache is read"),
  ]

  private let context: DeviceContext
  private let launch, pack, transpose, combine, combineSplit, walkRate: Double
  private let memoryShare, flopShare, block, waveFloor, smallExposed: Double
  private let writeWave, cacheEdge, cacheRate: Double
  private let isPlanned: Bool
  private let larger: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    isPlanned = context.kernels.attention == .flash3
    let clock = context.clock
    launch = values[0] / clock * (isPlanned ? 1.5 : 1)
    pack = isPlanned ? 0 : values[1] / clock
    transpose = isPlanned ? 0 : values[2] / clock
    combine = values[3] / clock * (isPlanned ? 0.4 : 1)
    combineSplit = values[4] / clock
    walkRate = values[5] * clock * (isPlanned ? 2 : 1)
    memoryShare = values[6]
    flopShare = values[7]
    block = values[8] / clock * (isPlanned ? 2 : 1)
    larger = SmoothMaximum(exponent: values[9])
    waveFloor = values[10]
    smallExposed = values[11]
    writeWave = values[12] / clock
    cacheEdge = values[13]
    cacheRate = context.portRate * values[14]
  }

  public func cost(_ shape: AttentionShape) -> OperatorCost {
    let s = SequenceAttention(shape)
    let group = s.queryHeads / s.keyValueHeads
    let positions =
      isPlanned
      ? AttentionStructure.packedTilePositions
      : AttentionStructure.tilePositions(shape.headDimension)
    let tiles = ceiling(s.context / positions)
    let rowTiles = ceiling(group / AttentionStructure.queryRows)
    let groups = s.batch * s.keyValueHeads * rowTiles
    let resident = isPlanned ? 1 : AttentionStructure.tilesPerUnit
    let slots = resident * context.units
    // Plain multi-head attention takes a path that never splits.
    let isGrouped = group > 1
    let splits: Double
    if isPlanned {
      let heads = context.isWarm ? AttentionStructure.plannedHeads : s.keyValueHeads * rowTiles
      // Short walks are never split.
      splits =
        tiles > 4
        ? max(
          1,
          min(
            floored(context.units / (heads * s.batch)), tiles,
            AttentionStructure.mostPlannedSplits)) : 1
    } else {
      splits =
        isGrouped ? AttentionStructure.splits(blocks: groups, tiles: tiles, slots: slots) : 1
    }
    let blocks = groups * splits
    let tilesOfPart = ceiling(tiles / splits)
    let filled = s.context / (positions * tiles)
    let flops = 4 * AttentionStructure.queryRows * positions * s.headDimension
    let tileBytes = 2 * context.cacheBytes * positions * s.headDimension
    let keyBytes =
      2 * context.cacheBytes * s.batch * s.keyValueHeads * s.context * s.headDimension

    let hit = residentShare(keyBytes, edge: cacheEdge, context)
    let tileMemory =
      tileBytes * filled * context.units
      * ((1 - hit) / (context.bandwidth * memoryShare) + hit / cacheRate)
    let tileArithmetic = flops * context.units / (context.peak * flopShare)
    let walk = tilesOfPart * tileBytes / walkRate + (isPlanned ? block : 0)
    let through = resident * (block + tilesOfPart * larger(tileArithmetic, tileMemory))
    let full = larger(walk, through)
    let waves = blocks / slots
    let whole = floored(waves)
    let rest = waves - whole
    let least = whole >= 1 ? max(walk, waveFloor * full) * min(1, 8 * rest) : walk
    let body = whole * full + larger(least, rest * through)

    let isCopied = isGrouped && s.keyValueHeads > 1 && s.batch > 1 && !isPlanned
    let isSplit = splits > 1
    let width = s.batch * s.queryHeads * s.headDimension
    let smallBytes =
      2 * context.activationBytes * width * (isCopied ? 3 : 1) + (isSplit ? 8 * width * splits : 0)
    let small = smallExposed * smallBytes / context.portRate
    let writeWaves =
      s.batch * min(s.keyValueHeads * s.headDimension, AttentionStructure.writeThreads)
      / (AttentionStructure.residentThreads * context.units)
    let fixed =
      launch + (isGrouped ? pack : 0) + (isCopied ? transpose : 0)
      + (isSplit ? combine + combineSplit * splits : 0) + writeWave * writeWaves
    let passes = waves * resident * tilesOfPart
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
