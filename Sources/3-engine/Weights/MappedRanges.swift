import Foundation
import Input
import Synchronization

/// Which memory belongs to which mapped file, so that a bus error in one of them can say so.
///
/// The engine computes with weights where they lie in the file, on every thread: there is no place
/// to check, only the fault itself. The handler does nothing but look into a table of plain memory,
/// write and leave; a fault elsewhere goes to whoever handled it before.
enum MappedRanges {
  private struct Range {
    var start: UInt
    var end: UInt
    /// The whole line that is written, a C string; never freed while the range is there.
    var message: UnsafeMutablePointer<CChar>?
  }

  /// Models of more shards than this are read all the same, without the line.
  private static let capacity = 4096
  nonisolated(unsafe) private static let table: UnsafeMutablePointer<Range> = {
    let table = UnsafeMutablePointer<Range>.allocate(capacity: capacity)
    table.initialize(repeating: Range(start: 0, end: 0, message: nil), count: capacity)
    return table
  }()
  nonisolated(unsafe) private static let previous: UnsafeMutablePointer<sigaction> = {
    let previous = UnsafeMutablePointer<sigaction>.allocate(capacity: 1)
    previous.initialize(to: sigaction())
    return previous
  }()
  private static let isInstalled = Mutex(false)

  static func add(_ bytes: UnsafeRawBufferPointer, path: String) {
    isInstalled.withLock { installed in
      if !installed { install() }
      installed = true
      guard let slot = (0..<capacity).first(where: { table[$0].message == nil }) else { return }
      let start = UInt(bitPattern: bytes.baseAddress)
      let line = PrintableText.line("dyno: \(path): was cut short while it was read")
      table[slot].message = strdup(line + "\n")
      table[slot].start = start
      table[slot].end = start + UInt(bytes.count)
    }
  }

  static func remove(_ bytes: UnsafeRawBufferPointer) {
    let start = UInt(bitPattern: bytes.baseAddress)
    isInstalled.withLock { _ in
      guard let slot = (0..<capacity).first(where: { table[$0].start == start }) else { return }
      table[slot].start = 0
      table[slot].end = 0
      free(table[slot].message)
      table[slot].message = nil
    }
  }

  private static func install() {
    _ = table
    var action = sigaction()
    action.__sigaction_handler.sa_sigaction = { signal, information, _ in
      let address = UInt(bitPattern: information?.pointee._sifields._sigfault.si_addr)
      for slot in 0..<MappedRanges.capacity {
        let range = MappedRanges.table[slot]
        guard address >= range.start, address < range.end, let message = range.message else {
          continue
        }
        _ = write(2, message, strlen(message))
        _exit(2)
      }
      // Not ours: back to what was there, and fault again.
      sigaction(signal, MappedRanges.previous, nil)
    }
    action.sa_flags = SA_SIGINFO
    sigaction(SIGBUS, &action, previous)
  }
}
