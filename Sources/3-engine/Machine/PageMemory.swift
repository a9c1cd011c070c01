import Foundation

/// Zeroed memory straight from the operating system, on huge pages where it allows them.
///
/// No page exists until it is first written, so the thread that writes it first decides its NUMA
/// node. Freed with the object. Sendable as an address: who writes what is its users' to agree on.
public final class PageMemory: @unchecked Sendable {
  public let base: UnsafeMutableRawPointer
  public let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappedCount: Int

  /// - Parameter count: bytes.
  public init(_ count: Int) throws {
    let hugePage = 2 << 20
    self.count = count
    // One more huge page than asked for, so that the start can be aligned to one.
    mappedCount = count + hugePage
    guard
      let mapping = mmap(
        nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
      ), mapping != MAP_FAILED
    else {
      throw HostError("\(count) bytes of memory are refused: \(String(cString: strerror(errno)))")
    }
    self.mapping = mapping
    base = UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: mapping) + UInt(hugePage) - 1) & ~(UInt(hugePage) - 1))!
    if count >= hugePage { madvise(base, count, adviceHugePage) }
  }

  deinit { munmap(mapping, mappedCount) }
}

/// Linux's MADV_HUGEPAGE, which Swift's C library module leaves out.
private let adviceHugePage: Int32 = 14
