import Foundation
import Machine

/// Lets one cell of a store be measured at a time.
///
/// Sweeps that share a store share its cells; if they measured at once they would slow each other
/// down and might measure the same cell. The lock is on a file of its own beside the store (SQLite's
/// locks must not be touched), and the kernel releases it whatever becomes of the process.
final class SweepLock {
  private let descriptor: Int32

  init(store path: String) throws {
    descriptor = open(path + "-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw HostError("\(path)-lock: cannot be opened: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Waits for the lock, and calls `waiting` when it is not free at once.
  ///
  /// - Returns: `false` where `stopped` said so first.
  func acquire(stopped: () -> Bool, waiting: () -> Void) throws -> Bool {
    var told = false
    while !stopped() {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      guard errno == EWOULDBLOCK || errno == EINTR else {
        throw HostError("the store's lock is refused: \(String(cString: strerror(errno)))")
      }
      if !told { waiting() }
      told = true
      usleep(100_000)
    }
    return false
  }

  func release() { _ = flock(descriptor, LOCK_UN) }
}
