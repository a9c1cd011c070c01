import Foundation
import Machine

/// A copy of a store that lies where nothing can be written.
///
/// To read a database with a write-ahead log SQLite must write beside it, which read-only media
/// refuse. The copy vanishes with its owner.
final class StoreCopy {
  let path: String
  private let folder: URL

  /// - Returns: `nil` where the store can be read in its place.
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
        // Not `copyItem`, which would make the copy as unwritable.
        try Data(contentsOf: URL(fileURLWithPath: file.path + suffix), options: .mappedIfSafe)
          .write(to: URL(fileURLWithPath: self.path + suffix))
      }
    } catch {
      try? files.removeItem(at: folder)
      throw HostError("\(path): cannot be copied to be read: \(error.localizedDescription)")
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
