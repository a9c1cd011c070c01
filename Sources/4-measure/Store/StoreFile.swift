import Foundation
import Input

/// What a file is, by its first bytes, without opening it as a database.
enum StoreFile {
  case missing
  case empty
  case store
  /// A database that carries nobody's mark.
  case unmarkedDatabase
  /// A database that ends too early, by so many bytes.
  case cut(Int)
  /// No database, or that of another program.
  case other

  init(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .missing
      return
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(path, problem: "is no regular file", expected: "a store")
    }
    guard let handle = FileHandle(forReadingAtPath: path),
      let header = try? handle.read(upToCount: 100) ?? Data()
    else { throw InputError(path, problem: "cannot be read", expected: "a store") }
    try? handle.close()
    guard header.count >= 100, header.prefix(16) == Data("SQLite format 3\0".utf8) else {
      self = header.isEmpty ? .empty : .other
      return
    }
    // Big-endian words (https://www.sqlite.org/fileformat.html).
    func number(_ bytes: Range<Int>) -> Int { header[bytes].reduce(0) { $0 << 8 | Int($1) } }
    let pageSize = number(16..<18) == 1 ? 65536 : number(16..<18)
    let missing = number(28..<32) * pageSize - Self.size(path)
    // With a log beside it, a database is whole only together with that.
    if missing > 0, Self.size(path + "-wal") == 0 {
      self = .cut(missing)
      return
    }
    // The application's mark.
    switch number(68..<72) {
    case StoreSchema.applicationID: self = .store
    case 0: self = .unmarkedDatabase
    default: self = .other
    }
  }

  private static func size(_ path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? Int) ?? 0
  }
}
