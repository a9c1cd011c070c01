import Foundation
import Machine

/// An open file of this process. It closes with its owner, and no child inherits it by accident.
public final class Descriptor {
  public private(set) var number: Int32

  /// Takes a descriptor over, and moves it out of the way of a child's standard files and of those
  /// handed to it.
  ///
  /// - Throws: `HostError` where the process has no descriptor left.
  init(taking number: Int32) throws {
    let moved = fcntl(number, F_DUPFD_CLOEXEC, Self.firstFree)
    let reason = errno
    Glibc.close(number)
    guard moved >= 0 else { throw Self.refused("a file", reason) }
    self.number = moved
  }

  /// Lower numbers are a child's: its standard files and one that is handed to it.
  static let firstFree: Int32 = 4

  deinit { close() }

  func close() {
    guard number >= 0 else { return }
    Glibc.close(number)
    number = -1
  }

  /// From now on reading and writing do not wait.
  func doNotWait() { _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) }

  static func refused(_ what: String, _ reason: Int32) -> HostError {
    HostError("\(what) is refused: \(String(cString: strerror(reason)))")
  }

  /// A pipe: the end to read from, the end to write to.
  static func pipe() throws -> (reading: Descriptor, writing: Descriptor) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw refused("a pipe", errno) }
    return try pair(ends)
  }

  /// A pair of sockets. Unlike a pipe, one whose other end is gone can be written to without a
  /// signal, so nothing about signals needs to change for the process.
  static func sockets() throws -> (reading: Descriptor, writing: Descriptor) {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw refused("a socket", errno) }
    return try pair(ends)
  }

  private static func pair(_ ends: [Int32]) throws -> (reading: Descriptor, writing: Descriptor) {
    let reading: Descriptor
    do { reading = try Descriptor(taking: ends[0]) } catch {
      Glibc.close(ends[1])
      throw error
    }
    return (reading, try Descriptor(taking: ends[1]))
  }

  /// A file without a name that holds `text`: a child can read it, and nothing is left behind
  /// however the two end.
  public static func holding(_ text: String) throws -> Descriptor {
    var path = Array((NSTemporaryDirectory() + "/dyno-XXXXXX").utf8CString)
    let number = mkstemp(&path)
    guard number >= 0 else { throw refused("a temporary file", errno) }
    unlink(path)
    let file = try Descriptor(taking: number)
    let handle = FileHandle(fileDescriptor: file.number, closeOnDealloc: false)
    do { try handle.write(contentsOf: Data(text.utf8)) } catch {
      throw HostError("a temporary file cannot be written: is the disk full?")
    }
    return file
  }
}
