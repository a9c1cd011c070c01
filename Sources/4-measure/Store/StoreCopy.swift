import Foundation
import Input
import Machine

/// A copy of a store that lies where nothing can be written.
///
/// To read a database with a write-ahead log SQLite must write beside it, which read-only media
/// refuse. The copy vanishes with its owner.
final class StoreCopy {
  let path: String
  private let folder: URL

  /// - Returns: `nil` where the store can be read in its place.
  /// - Throws: `InputError` where it or its log is no file, `HostError` where it cannot be copied.
  init?(ofUnwritable path: String) throws {
    let files = FileManager.default
    let file = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    guard files.fileExists(atPath: file.path), !files.isWritableFile(atPath: file.path),
      !files.isWritableFile(atPath: file.deletingLastPathComponent().path)
    else { return nil }
    folder = files.temporaryDirectory.appendingPathComponent("dyno-store-\(UUID().uuidString)")
    self.path = folder.appendingPathComponent("store.db").path
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      for suffix in ["", "-wal"] where files.fileExists(atPath: file.path + suffix) {
        try Self.copy(file.path + suffix, to: self.path + suffix)
      }
    } catch let error as InputError {
      try? files.removeItem(at: folder)
      throw error
    } catch {
      try? files.removeItem(at: folder)
      let reason = (error as? Failure)?.reason ?? error.localizedDescription
      throw HostError(
        "\(path): lies where nothing can be written, and cannot be copied to "
          + "\(files.temporaryDirectory.path) to be read: \(reason) "
          + "(TMPDIR may name another folder)")
    }
  }

  /// What the system said of a copy that failed.
  private struct Failure: Error {
    let reason = String(cString: strerror(errno))
  }

  /// Not `copyItem`, which would make the copy as unwritable.
  private static func copy(_ source: String, to target: String) throws {
    // Opened so that a pipe without a writer cannot block.
    let reading = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard reading >= 0 else { throw Failure() }
    defer { close(reading) }
    var status = stat()
    guard fstat(reading, &status) == 0 else { throw Failure() }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(source, problem: "is no regular file", expected: "a part of a store")
    }
    let writing = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard writing >= 0 else { throw Failure() }
    defer { close(writing) }
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(reading, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure() }
      guard count > 0 else { return }
      var rest = chunk[..<count]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(writing, $0.baseAddress, $0.count) }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw Failure() }
        rest = rest.dropFirst(written)
      }
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
