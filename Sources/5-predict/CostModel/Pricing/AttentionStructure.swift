import Foundation
import Model

/// How a GPU's attention kernels cut their work: facts of the kernels, not fitted.
///
/// As in FlashAttention-2 (arXiv 2307.08691) with a paged cache, which vLLM calls: 64 query rows a
/// tile, decode included, where the query heads of a group are its rows; KV tiles of 16,384
/// elements; two tiles resident on a unit.
enum AttentionStructure {
  static let queryRows = 64.0
  static let tilesPerUnit = 2.0
  /// Positions of a KV tile of FlashAttention-3 with heads of 128.
  static let packedTilePositions = 128.0
  /// KV heads for which AIConfigurator's loops of FlashAttention-3 plan their splits, whatever the
  /// call's: rates of calls with fewer heads show it.
  static let plannedHeads = 8.0
  /// Most parts of a walk that vLLM has FlashAttention-3 plan for a captured graph.
  static let mostPlannedSplits = 32.0
  /// Threads of the kernel that writes the cache: most for a token, resident on a unit.
  static let writeThreads = 512.0
  static let residentThreads = 2048.0

  /// Positions of one KV tile: the power of two nearest to 16,384 elements, in logarithms.
  static func tilePositions(_ headDimension: Int) -> Double {
    let power = Int.bitWidth - 1 - headDimension.leadingZeroBitCount
    let isAboveMiddle = headDimension * headDimension > 1 << (2 * power + 1)
    return Double(1 << min(8, max(6, 14 - power - (isAboveMiddle ? 1 : 0))))
  }

  /// Into how many parts the walk over `tiles` KV tiles is split so that `blocks` fill `slots`:
  /// FlashAttention-2's rule, the fewest whose last wave is at least 0.85 as full as the best.
  static func splits(blocks: Double, tiles: Double, slots: Double) -> Double {
    guard blocks < 0.8 * slots else { return 1 }
    let most = min(128, min(slots, tiles))
    func fullness(_ splits: Double) -> Double {
      let waves = blocks * splits / slots
      return waves > 1 ? waves / ceiling(waves) : waves
    }
    /// The next count whose longest part is shorter: those between only add parts.
    func next(_ splits: Double) -> Double {
      let longest = ceiling(tiles / splits)
      return longest > 1 ? ceiling(tiles / (longest - 1)) : .infinity
    }
    var best = 0.0
    var splits = 1.0
    while splits <= most {
      best = max(best, fullness(splits))
      splits = next(splits)
    }
    splits = 1
    // Ties are exact, and rounding must not break them.
    while splits <= most {
      if fullness(splits) >= 0.85 * best - 1e-12 { return splits }
      splits = next(splits)
    }
    return 1
  }
}

/// The same of every sequence: what the forms compute with.
struct SequenceAttention {
  let batch: Double
  let new: Double
  /// Positions that the last new token sees, itself included.
  let context: Double
  let queryHeads: Double
  let keyValueHeads: Double
  let headDimension: Double
  /// Share of the causal pairs that a sliding window leaves; 1 without one.
  let visibleShare: Double

  init(_ shape: AttentionShape) {
    batch = Double(shape.sequences)
    new = Double(shape.tokens) / batch
    context = Double(shape.positions) / batch
    queryHeads = Double(shape.queryHeads)
    keyValueHeads = Double(shape.keyValueHeads)
    headDimension = Double(shape.headDimension)
    let causal = new * (context - new) + new * (new + 1) / 2
    visibleShare = min(1, Double(shape.pairs) / batch / causal)
  }
}

/// Share of `bytes` that a repeated call finds in the last cache; none in a whole run, where other
/// operators have pushed them out.
func residentShare(_ bytes: Double, edge: Double, _ context: DeviceContext) -> Double {
  guard context.isWarm else { return 0 }
  let ratio = bytes / (edge * context.lastLevelCache)
  let cubed = ratio * ratio * ratio
  return 1 / (1 + cubed * cubed)
}
