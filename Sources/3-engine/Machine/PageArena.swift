/// Memory for many matrices, side by side on huge pages.
///
/// A matrix smaller than a huge page would lie on small ones if it had pages of its own. A small
/// model's weights would then need thousands of address translations a step, and where its small
/// pages happen to lie would decide about percents of its speed.
public final class PageArena {
  /// Bytes from which an allocation has pages of its own.
  private static let large = 8 << 20
  private static let chunk = 32 << 20
  /// Two cache lines: what processors prefetch together.
  private static let alignment = 128

  private var memory: PageMemory?
  private var used = 0

  public init() {}

  /// - Parameter count: bytes.
  /// - Returns: zeroed memory, and what keeps it alive.
  public func allocate(_ count: Int) throws -> (base: UnsafeMutableRawPointer, owner: PageMemory) {
    guard count < Self.large else {
      let memory = try PageMemory(count)
      return (memory.base, memory)
    }
    if let memory, used + count <= memory.count { return take(count, of: memory) }
    let fresh = try PageMemory(Self.chunk)
    memory = fresh
    used = 0
    return take(count, of: fresh)
  }

  private func take(
    _ count: Int, of memory: PageMemory
  ) -> (base: UnsafeMutableRawPointer, owner: PageMemory) {
    let base = memory.base + used
    used += (count + Self.alignment - 1) / Self.alignment * Self.alignment
    return (base, memory)
  }
}
