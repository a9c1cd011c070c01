import Foundation
import Input
import Machine

/// A copy of a store that lies where nothing can be written.
///
/// To read a database with a write-ahead log SQLite must write beside it, which read-only media
/// refuse. Its owner removes it as soon as it is open.
struct StoreCopy {
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
    let parts = ["", "-wal"].filter { files.fileExists(atPath: file.path + $0) }
    for part in parts { try Self.requireRegular(file.path + part) }
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      for part in parts {
        // Not `copyItem`, which would make the copy as unwritable.
        let data = try Data(
          contentsOf: URL(fileURLWithPath: file.path + part), options: .mappedIfSafe)
        try OutputFile.write(data, to: self.path + part)
      }
    } catch {
      try? files.removeItem(at: folder)
      throw HostError(
        "\(path): lies where nothing can be written, and cannot be copied to "
          + "\(files.temporaryDirectory.path) to be read: \(error) "
          + "(TMPDIR may name another folder)")
    }
  }

  /// A pipe would wait for somebody to write.
  private static func requireRegular(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(path, problem: "is no regular file", expected: "a part of a store")
    }
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
