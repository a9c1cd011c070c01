import Architectures
import Foundation
import GRDB
import Host
import Records

/// Results in an SQLite file: what was committed survives crashes of Dyno and of the machine.
///
/// Write-ahead logging lets others read while a sweep writes, and each result is a transaction.
public final class ResultStore {
  public enum Access {
    case reading
    /// Creates the file where there is none.
    case writing
  }

  public let path: String
  let queue: DatabaseQueue

  /// Seconds to wait for another program's transaction.
  private static let patience = 30.0

  /// - Throws: `InputError` where the file is no store, is damaged or comes from another version;
  ///   it is then left as it was.
  public init(_ path: String, _ access: Access) throws {
    self.path = path
    let kind = try FileKind(path)
    switch (kind, access) {
    case (.other, _), (.empty, .reading):
      throw InputError(
        path, problem: kind == .empty ? "is empty" : "is not a store",
        expected: "a file that Dyno wrote")
    case (.missing, .reading):
      throw InputError(path, problem: "does not exist", expected: "a store")
    default: break
    }
    queue = try withStoreErrors(path) { try Self.open(path, access) }
    try withStoreErrors(path) {
      if access == .writing { try prepareForWriting() }
      try requireOurs()
    }
  }

  /// Folds the log into the file; without it that happens when the file is next opened.
  public func close() throws { try withStoreErrors(path) { try queue.close() } }

  private enum FileKind {
    case missing, empty, database, other

    init(_ path: String) throws {
      guard FileManager.default.fileExists(atPath: path) else {
        self = .missing
        return
      }
      guard let handle = FileHandle(forReadingAtPath: path) else {
        throw InputError(path, problem: "cannot be opened", expected: "a readable file")
      }
      defer { try? handle.close() }
      guard let header = try? handle.read(upToCount: 16) ?? Data() else {
        throw InputError(path, problem: "cannot be read", expected: "a store")
      }
      self =
        header.isEmpty ? .empty : header == Data("SQLite format 3\0".utf8) ? .database : .other
    }
  }

  private static func open(_ path: String, _ access: Access) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(patience)
    configuration.readonly = access == .reading
    // Two programs that create a store at once: turning the log on does not wait for the other.
    for _ in 0..<100 {
      do {
        return try DatabaseQueue(path: path, configuration: configuration)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
        usleep(100_000)
      }
    }
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  private func prepareForWriting() throws {
    // First of all look: a database of another program must not even change its journal mode.
    if try queue.read({ try !Self.isUntouched($0) }) { try requireOurs() }
    try queue.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL")
      // A commit is on the disk when we say so, even if the power fails then.
      try database.execute(sql: "PRAGMA synchronous = FULL")
    }
    try queue.write { database in
      guard try Self.isUntouched(database) else { return }
      try database.execute(sql: StoreSchema.creation)
    }
    let faults = try queue.read { try String.fetchAll($0, sql: "PRAGMA quick_check(1)") }
    guard faults == ["ok"] else {
      throw InputError(
        path, problem: "is damaged (\(faults.first ?? "no reason given"))",
        expected: "a whole store; `sqlite3 FILE .recover` may save its rows")
    }
  }

  /// Whether nobody has put anything into the database yet.
  private static func isUntouched(_ database: Database) throws -> Bool {
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    let identifier = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    return tables == 0 && identifier == 0
  }

  /// Refuses databases of other programs and of other versions.
  private func requireOurs() throws {
    try queue.read { database in
      guard
        try Int.fetchOne(database, sql: "PRAGMA application_id") == StoreSchema.applicationID
      else {
        throw InputError(
          path, problem: "is a database of another program", expected: "a file that Dyno wrote")
      }
      let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
      guard version == StoreSchema.version else {
        throw InputError(
          path, problem: "has store schema \(version)",
          expected: "\(StoreSchema.version), or the Dyno that wrote it")
      }
      let foreign = try String.fetchOne(
        database,
        sql: """
          SELECT coalesce(record_schema, 'none') FROM results
          WHERE record_schema IS NOT ? LIMIT 1
          """, arguments: [ThroughputRecord.currentSchema])
      if let foreign {
        throw InputError(
          path, problem: "holds records of schema \(foreign)",
          expected: "\(ThroughputRecord.currentSchema), or the Dyno that wrote them")
      }
    }
  }
}
