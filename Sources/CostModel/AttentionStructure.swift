import Foundation
import Operators

/// How attention kernels cut their work: facts of the kernels, not fitted.
///
/// On GPUs as in FlashAttention-2 (arXiv 2307.08691) with a paged cache, which vLLM calls: 64 query
/// rows a tile, decode included, where the query heads of a group are its rows; KV tiles of 16,384
/// elements; two tiles resident on a unit. On CPUs as in Dyno's engine: rows are not padded, and a
/// thread runs one block.
struct AttentionStructure: Sendable {
  let queryRows: Double
  let tilesPerUnit: Double
  let mayBeSplit: Bool
  /// Threads of the kernel that writes the cache: most for a token, resident on a unit.
  static let writeThreads = 512.0
  static let residentThreads = 2048.0

  init(_ context: DeviceContext) {
    switch context.kind {
    case .gpu: (queryRows, tilesPerUnit, mayBeSplit) = (64, 2, true)
    case .cpu: (queryRows, tilesPerUnit, mayBeSplit) = (1, 1, false)
    }
  }

  /// Positions of one KV tile.
  static func tilePositions(_ headDimension: Double) -> Double {
    min(256, max(64, exp2((14 - log2(headDimension)).rounded())))
  }

  /// Into how many parts the walk over `tiles` KV tiles is split so that `blocks` fill `slots`:
  /// FlashAttention-2's rule, the fewest whose last wave is at least 0.85 as full as the best.
  static func splits(blocks: Double, tiles: Double, slots: Double) -> Double {
    guard blocks < 0.8 * slots else { return 1 }
    let most = Int(min(128, min(slots, tiles)))
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: 128) { fullness in
      var best = 0.0
      var longest = Double.infinity
      for splits in 1...max(1, most) {
        let next = (tiles / Double(splits)).rounded(.up)
        // Counts that leave the longest part as long only add parts.
        if next == longest {
          fullness[splits - 1] = 0
        } else {
          let waves = blocks * Double(splits) / slots
          fullness[splits - 1] = waves / waves.rounded(.up)
          best = max(best, fullness[splits - 1])
        }
        longest = next
      }
      for splits in 1...max(1, most) where fullness[splits - 1] > 0 {
        // Ties are exact, and rounding must not break them.
        if fullness[splits - 1] >= 0.85 * best - 1e-12 { return Double(splits) }
      }
      return 1
    }
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
