import Architectures
import Foundation

/// What a file is, by its first bytes, without opening it as a database.
enum StoreFile {
  case missing
  case empty
  case store
  /// A database that carries nobody's mark.
  case unmarkedDatabase
  /// No database, or that of another program.
  case other

  init(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      self = .missing
      return
    }
    guard let handle = FileHandle(forReadingAtPath: path),
      let header = try? handle.read(upToCount: 100) ?? Data()
    else { throw InputError(path, problem: "cannot be read", expected: "a store") }
    try? handle.close()
    guard header.count >= 100, header.prefix(16) == Data("SQLite format 3\0".utf8) else {
      self = header.isEmpty ? .empty : .other
      return
    }
    // The application's mark, a big-endian word (https://www.sqlite.org/fileformat.html).
    switch header[68..<72].reduce(0, { $0 << 8 | Int($1) }) {
    case StoreSchema.applicationID: self = .store
    case 0: self = .unmarkedDatabase
    default: self = .other
    }
  }
}
