import Foundation

/// What was computed lately: a cache of two places a key, of bounded memory and without rehashing.
///
/// Not a class, so that asking it counts no references.
struct RecentValues<Key: SlotKey, Value: BitwiseCopyable>: ~Copyable {
  private typealias Slot = (key: Key, value: Value)
  /// In pairs.
  private let slots: UnsafeMutablePointer<Slot>
  private let mask: Int

  /// - Parameter count: a power of two.
  init(slots count: Int) {
    precondition(count.nonzeroBitCount == 1 && count > 1)
    mask = count - 2
    let bytes = count * MemoryLayout<Slot>.stride
    let hugePage = 2 << 20
    var memory: UnsafeMutableRawPointer?
    // Zeroed memory is a valid key, which no caller asks for.
    if bytes > 2 * hugePage {
      // Slots are asked for in no order: on small pages each would be a miss of its page's address too.
      let failure = posix_memalign(&memory, hugePage, bytes)
      precondition(failure == 0, "\(bytes) bytes of memory are refused")
      madvise(memory, bytes, adviceHugePage)
      memset(memory!, 0, bytes)
    } else {
      // Fits make many models, of which each touches few of its pages.
      memory = calloc(bytes, 1)
    }
    slots = memory!.bindMemory(to: Slot.self, capacity: count)
  }

  deinit { free(slots) }

  @inline(__always)
  func value(_ key: Key, _ compute: (Key) -> Value) -> Value {
    // The product's high bits depend on all of the key's.
    let pair = slots + (Int(truncatingIfNeeded: key.mixed >> 40) & mask)
    if pair[0].key == key { return pair[0].value }
    if pair[1].key == key { return pair[1].value }
    let value = compute(key)
    pair[1] = pair[0]
    pair[0] = (key, value)
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

/// Linux's MADV_HUGEPAGE, which Swift's C library module leaves out.
private let adviceHugePage: Int32 = 14
