import Foundation

/// What was computed lately: a direct-mapped cache, of bounded memory and without rehashing.
///
/// Not a class, so that asking it counts no references.
struct RecentValues<Key: SlotKey, Value: BitwiseCopyable>: ~Copyable {
  private let slots: UnsafeMutablePointer<(key: Key, value: Value)>
  private let mask: Int

  /// - Parameter count: a power of two.
  init(slots count: Int) {
    precondition(count.nonzeroBitCount == 1)
    mask = count - 1
    // Zeroed memory is a valid key, which no caller asks for.
    slots = calloc(count, MemoryLayout<(key: Key, value: Value)>.stride)!
      .bindMemory(to: (key: Key, value: Value).self, capacity: count)
  }

  deinit { free(slots) }

  @inline(__always)
  func value(_ key: Key, _ compute: (Key) -> Value) -> Value {
    // The product's high bits depend on all of the key's.
    let slot = slots + (Int(truncatingIfNeeded: key.mixed >> 40) & mask)
    if slot.pointee.key == key { return slot.pointee.value }
    let value = compute(key)
    slot.pointee = (key, value)
    return value
  }
}

/// A key of which zeros in all fields are never asked for.
protocol SlotKey: Equatable, BitwiseCopyable {
  /// Spread over all bits, the high ones above all.
  var mixed: UInt64 { get }
}

/// Mixes one more part into a key.
@inline(__always)
func mix(_ hash: UInt64, _ part: Int) -> UInt64 {
  (hash ^ (hash >> 29) ^ UInt64(truncatingIfNeeded: part)) &* 0x9E37_79B9_7F4A_7C15
}
