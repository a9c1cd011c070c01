import Foundation
import Model

/// Latent attention (DeepSeek-V2, arXiv 2405.04434) on a GPU, with the cache's write and the
/// projections of keys and values, or of queries and outputs instead.
///
/// ```
/// t        = launch + projection + copies·(bytes between kernels)/BW + write·tokens/U + body
/// projection = ‖FLOPs / (P·projection_share), bytes / (BW·memory_share)‖₃
/// expanded: body = ‖tiles·2·128·64·(e_k + e_v') / (P·flop_share) + blocks·block/U, walk‖₃
///                  + tail·walk·max(0, 1 - U/blocks)
/// absorbed: body = ‖waves·positions of a part·2·rows·(2·rank + rope)·U / (P·share), reads·cache/(BW·memory_share)‖
/// ```
/// Each head's tile of 128 new tokens is an expanded block, which walks over its positions 64 at a
/// time; the last one walks alone. Absorbed, all heads share one key and value, so that a block is
/// `rows` of (token, head), and its walk is split. Kernels are vLLM's: where a unit's shared memory
/// holds them (`wideBytes`) blocks of 64 rows, split to fill the device, which also take prompts of
/// up to 512 tokens and values narrower than keys (FlashAttention-3, arXiv 2407.08608); else blocks
/// of 16 rows in four parts (Triton), one block a unit, and values padded to keys' width. Of those a
/// single row takes a slower path.
///
/// Timing loops that start each kernel from the host are no faster than it: `host`. Whole runs count
/// an engine's host for itself.
public struct MultiHeadLatentAttention: CostForm {
  public static let family = "latent_attention"
  public static let coefficients = [
    Coefficient(
      "host", nominal: 2.2e-4, spread: 0.7, carries: false, isOfHost: true,
      "seconds of the host a call, expanded; in timing loops"),
    Coefficient(
      "host_absorbed", nominal: 2.4e-4, spread: 0.7, carries: false, isOfHost: true,
      "the same, absorbed"),
    Coefficient(
      "launch", nominal: 2e-5, spread: 0.5, carries: false, "seconds of some eight launches"),
    Coefficient(
      "projection_share", nominal: 0.5, spread: 0.4, "share of the peak that projections reach"),
    Coefficient(
      "copies", nominal: 1.5, spread: 0.5, carries: false,
      "bytes between kernels over bandwidth count so many times"),
    Coefficient(
      "flop_share", nominal: 0.6, spread: 0.3, "share of the peak on whole expanded tiles"),
    Coefficient(
      "block", nominal: 1e-6, spread: 0.7, carries: false,
      "seconds of a unit for each expanded block"),
    Coefficient(
      "tail", nominal: 0.7, spread: 0.7, "share of the longest walk left when units run dry"),
    Coefficient(
      "absorbed_flop_share", nominal: 0.15, spread: 0.5, carries: false,
      "share of the peak of absorbed blocks of 16 rows; those of 64 reach four times as much"),
    Coefficient(
      "memory_share", nominal: 0.85, spread: 0.2, "share of the bandwidth that is reached"),
    Coefficient(
      "single_row", nominal: 2.5, spread: 0.5, carries: false,
      "how much slower the path of a single row walks"),
    Coefficient(
      "wave_rounding", nominal: 0.7, spread: 0.5, carries: false,
      "1: whole waves of absorbed blocks, 0: fractions of waves"),
    Coefficient(
      "overlap", nominal: 3, spread: 0.4, carries: false, "how arithmetic and memory overlap"),
    Coefficient(
      "write", nominal: 5e-7, spread: 0.7, carries: false,
      "seconds of a unit for a token's write to the cache"),
    Coefficient(
      "cache_gain", nominal: 1, spread: 0.7, carries: false,
      "bytes between kernels are 1 + this times faster where they stay in the last cache"),
  ]

  /// Shared memory of a block of 64 rows: queries and two tiles of 64 positions, 576 elements each.
  static let wideBytes = 3.0 * 64 * 576 * 2
  private static let mostAbsorbedTokens = 512.0
  private static let expandedRows = 128.0
  private static let expandedPositions = 64.0
  private static let narrowParts = 4.0

  private let context: DeviceContext
  private let isWide: Bool
  private let host, hostAbsorbed, launch, projectionRate, copies, flopRate, block, tail: Double
  private let absorbedRate, bandwidth, singleRow, waveRounding, write, cacheGain: Double
  private let larger, largerOfBody, largerOfHost: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    isWide = context.sharedMemory >= Self.wideBytes
    host = values[0]
    hostAbsorbed = values[1]
    launch = values[2]
    projectionRate = context.peak * values[3]
    copies = values[4]
    flopRate = context.peak * values[5]
    block = values[6]
    tail = values[7]
    absorbedRate = context.peak * values[8] * (isWide ? 4 : 1)
    bandwidth = context.bandwidth * values[9]
    singleRow = values[10]
    waveRounding = min(1, values[11])
    larger = SmoothMaximum(exponent: values[12])
    write = values[13]
    cacheGain = values[14]
    largerOfBody = SmoothMaximum(exponent: 3)
    largerOfHost = SmoothMaximum(exponent: 6)
  }

  /// The same of every sequence: what is computed with.
  private struct Sizes {
    let batch, new, context, heads, rank, plain, rotary, value: Double
    var tokens: Double { batch * new }
    /// Positions that a new token sees, on average.
    let seen: Double

    init(_ shape: LatentAttentionShape) {
      let sequences = shape.expanded.sequences + shape.absorbed.sequences
      batch = Double(sequences)
      new = Double(shape.tokens) / batch
      context = Double(shape.positions) / batch
      heads = Double(shape.queryHeads)
      rank = Double(shape.rank)
      plain = Double(shape.plainWidth)
      rotary = Double(shape.rotaryWidth)
      value = Double(shape.valueWidth)
      seen = Double(shape.expanded.pairs + shape.absorbed.pairs) / Double(shape.tokens)
    }
  }

  public func cost(_ shape: LatentAttentionShape) -> OperatorCost {
    let s = Sizes(shape)
    let isAbsorbed = s.new == 1 || (isWide && s.new <= Self.mostAbsorbedTokens)
    var cost = isAbsorbed ? absorbed(s) : expanded(s)
    let written = write * s.tokens / context.units
    cost.seconds += launch + written
    cost.latency += launch + written
    if context.isWarm {
      let slowest = isAbsorbed ? hostAbsorbed : host
      cost.latency = max(cost.latency, slowest)
      cost.seconds = largerOfHost(cost.seconds, slowest)
    }
    return cost
  }

  private func projection(_ s: Sizes, rows: Double, activations: Double) -> OperatorCost {
    let width = s.heads * (s.plain + s.value)
    let arithmetic = 2 * rows * s.rank * width / projectionRate
    let memory =
      (s.rank * width * context.weightBytes + activations * context.activationBytes) / bandwidth
    return OperatorCost(
      seconds: largerOfBody(arithmetic, memory), compute: arithmetic, bandwidth: memory, latency: 0)
  }

  private func copied(_ bytes: Double) -> Double {
    let ratio = bytes / context.lastLevelCache
    return copies * bytes / (1 + cacheGain / (1 + ratio * ratio)) / context.bandwidth
  }

  private func absorbed(_ s: Sizes) -> OperatorCost {
    let width = s.rank + s.rotary
    var cost = projection(
      s, rows: s.tokens,
      activations: s.tokens * s.heads * (s.plain + 2 * s.rank + s.value))
    let rows: Double = isWide ? 64 : 16
    let tile: Double = isWide ? 64 : 32
    let groups = s.batch * ceiling(s.new * s.heads / rows)
    let parts =
      isWide
      ? AttentionStructure.splits(
        blocks: groups, tiles: ceiling(s.context / tile), slots: context.units)
      : Self.narrowParts
    let positions = tile * ceiling(s.seen / parts / tile)
    let isSingle = !isWide && s.new * s.heads == 1
    let position =
      2 * rows * (width + s.rank) * context.units / absorbedRate * (isSingle ? singleRow : 1)
    let waves = groups * parts / context.units
    let counted = max(1, waves + waveRounding * (ceiling(waves) - waves))
    let arithmetic = counted * positions * position
    // Blocks of one sequence that run at once share what they read.
    let groupsOfSequence = groups / s.batch
    let reads =
      isWide
      ? 1 : groupsOfSequence / min(max(context.units / s.batch, 1), groupsOfSequence)
    let memory = reads * s.batch * s.context * width * context.cacheBytes / bandwidth
    let bytes =
      2 * s.tokens * s.heads * (width + s.rank) * context.activationBytes
      + (parts > 1 ? 8 * s.tokens * s.heads * s.rank * parts : 0)
    let between = copied(bytes)
    cost.seconds += larger(arithmetic, memory) + between
    cost.compute += arithmetic
    cost.bandwidth += memory + between
    return cost
  }

  private func expanded(_ s: Sizes) -> OperatorCost {
    // Positions before this step are projected again.
    let expanded = s.batch * s.context
    var cost = projection(
      s, rows: expanded, activations: expanded * s.heads * (s.plain + s.value))
    let key = s.plain + s.rotary
    let value = isWide ? s.value : key
    let padding = isWide ? 0 : 2 * value + s.value
    let between = copied(
      context.activationBytes * expanded * s.heads * (s.plain + s.value + 2 * key + padding))
    let rowTiles = ceiling(s.new / Self.expandedRows)
    let ratio = Self.expandedRows / Self.expandedPositions
    let cachedTiles = (s.context - s.new) / Self.expandedPositions
    let tiles =
      s.batch * s.heads * (rowTiles * (rowTiles + 1) / 2 * ratio + rowTiles * cachedTiles)
    let blocks = s.batch * s.heads * rowTiles
    let flops = 2 * Self.expandedRows * Self.expandedPositions * (key + value)
    let arithmetic = tiles * flops / flopRate + blocks * block / context.units
    let walk = ceiling(s.context / Self.expandedPositions) * flops * context.units / flopRate
    cost.seconds +=
      largerOfBody(arithmetic, walk) + tail * walk * max(0, 1 - context.units / blocks) + between
    cost.compute += arithmetic
    cost.bandwidth += between
    cost.latency += blocks < context.units ? walk : 0
    return cost
  }

  /// The cheaper of both ways.
  public static func floorSeconds(
    _ shape: LatentAttentionShape, _ context: DeviceContext
  ) -> Double {
    let s = Sizes(shape)
    let pairs = s.tokens * s.seen
    let width = s.heads * (s.plain + s.value)
    let expanded =
      2 * s.batch * s.context * s.rank * width
      + 2 * pairs * s.heads * (s.plain + s.rotary + s.value)
    let absorbed =
      2 * s.tokens * s.rank * width + 2 * pairs * s.heads * (2 * s.rank + s.rotary)
    let bytes =
      s.rank * width * context.weightBytes
      + (s.batch * (s.context - s.new)) * (s.rank + s.rotary) * context.cacheBytes
    let cached = context.isWarm ? context.lastLevelCache : 0
    return max(
      min(expanded, absorbed) / context.peak, max(0, bytes - cached) / context.bandwidth)
  }

  public static func regime(_ shape: LatentAttentionShape) -> String {
    LatentAttentionRegime.named(shape)
  }

  public static func features(_ shape: LatentAttentionShape) -> [(name: String, value: Double)] {
    LatentAttentionRegime.features(shape)
  }
}

enum LatentAttentionRegime {
  /// By pairs of a token and a position: what the time grows with.
  static func named(_ shape: LatentAttentionShape) -> String {
    let sequences = shape.expanded.sequences + shape.absorbed.sequences
    let phase = shape.tokens == sequences ? "decode" : "prefill"
    let pairs = Double(shape.expanded.pairs + shape.absorbed.pairs) * Double(shape.queryHeads)
    let size =
      switch pairs {
      case ..<0x1p18: "small"
      case ..<0x1p23: "medium"
      default: "large"
      }
    return phase + ", " + size
  }

  static func features(_ shape: LatentAttentionShape) -> [(name: String, value: Double)] {
    let sequences = shape.expanded.sequences + shape.absorbed.sequences
    return [
      ("query_heads", Double(shape.queryHeads)),
      ("context", Double(shape.positions) / Double(sequences)), ("sequences", Double(sequences)),
      ("rank", Double(shape.rank)),
    ]
  }
}
