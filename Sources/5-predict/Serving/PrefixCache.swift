/// Beginnings of prompts that stay in the cache after who brought them, until room is needed: the one
/// that nobody has used for longest goes first (the engines' LRU).
struct PrefixCache {
  private struct Kept {
    var positions: Int
    var units: Int
    var users = 0
    var lastUse = 0
  }

  private var kept: [Int: Kept] = [:]
  private var clock = 0

  /// Positions that are cached of a prefix; 0 where it is not.
  func positions(_ prefix: Int) -> Int { kept[prefix]?.positions ?? 0 }

  mutating func add(_ prefix: Int, positions: Int, units: Int) {
    kept[prefix] = Kept(positions: positions, units: units)
  }

  mutating func hold(_ prefix: Int) {
    clock += 1
    kept[prefix]!.users += 1
    kept[prefix]!.lastUse = clock
  }

  mutating func release(_ prefix: Int) { kept[prefix]!.users -= 1 }

  /// - Returns: the units that are free now; `nil` where all are in use.
  mutating func dropOldest() -> Int? {
    guard
      let oldest = kept.filter({ $0.value.users == 0 }).min(by: {
        $0.value.lastUse < $1.value.lastUse
      })
    else { return nil }
    kept[oldest.key] = nil
    return oldest.value.units
  }
}
