import Foundation
import Host

/// A pipe between us and a child; neither end outlives its owner or leaks into other children.
final class ChildPipe {
  final class End {
    private(set) var descriptor: Int32

    fileprivate init(_ descriptor: Int32) {
      self.descriptor = descriptor
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close() }

    func close() {
      guard descriptor >= 0 else { return }
      Glibc.close(descriptor)
      descriptor = -1
    }

    /// From now on reading does not wait. Not for an end that a child has: both share the flag.
    func doNotWait() { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }

    /// Takes what can be read without waiting; closes at the end.
    func drain(into data: inout Data) {
      guard descriptor >= 0 else { return }
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 {
          data.append(contentsOf: buffer[..<count])
        } else if count < 0, errno == EINTR {
          continue
        } else {
          if count == 0 { close() }
          return
        }
      }
    }

    /// Waits until either end has something to read or is closed by the other side.
    func wait(or other: End, milliseconds: Int32) {
      var ends = [descriptor, other.descriptor].filter { $0 >= 0 }.map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      // Where both are closed, only the child's end is left to wait for: look often.
      poll(&ends, nfds_t(ends.count), ends.isEmpty ? min(milliseconds, 5) : milliseconds)
    }
  }

  let reading: End
  let writing: End

  init() throws {
    var descriptors: [Int32] = [-1, -1]
    guard pipe(&descriptors) == 0 else {
      throw HostError("a pipe is refused: \(String(cString: strerror(errno)))")
    }
    reading = End(descriptors[0])
    writing = End(descriptors[1])
  }
}
