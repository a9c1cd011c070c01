import Foundation
import GRDB
import Input
import Machine
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

  /// What a store is, for errors.
  static let kind = "a store, as dyno bench --store or dyno sweep writes it"
  static let wholeStore = "a whole store; `sqlite3 FILE .recover` may save its rows"

  public let path: String
  let queue: DatabaseQueue

  /// Seconds to wait for another program's transaction.
  private static let patience = 30.0

  /// - Throws: `InputError` where the file is no store, is damaged or comes from another version;
  ///   it is then left as it was.
  public init(_ path: String, _ access: Access) throws {
    try Self.requireFile(path)
    self.path = path
    let kind = try StoreFile(path)
    switch kind {
    case .missing where access == .reading:
      throw InputError(path, problem: "does not exist", expected: "a store")
    case .empty where access == .reading:
      throw InputError(path, problem: "is empty", expected: "a store")
    case .other:
      throw InputError(path, problem: "is not a store", expected: Self.kind)
    case .cut(let bytes): throw Self.damaged(path, "\(bytes) bytes are missing at its end")
    case .unmarkedDatabase: try Self.look(at: path, access)
    case .missing, .empty, .store: break
    }
    let copy = access == .reading ? try StoreCopy(ofUnwritable: path) : nil
    // What is open stays readable without its names, and nothing is left behind by who is killed.
    defer { copy?.remove() }
    queue = try withStoreErrors(path) { try Self.open(copy?.path ?? path, readOnly: false) }
    try withStoreErrors(path) {
      if access == .writing {
        try prepareForWriting()
      } else {
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = 1") }
        try requireOurs()
      }
      try requireCurrentRecords()
    }
  }

  /// What opening for writing would refuse of what is there, without changing anything: asked before
  /// long measurements.
  public static func check(_ path: String) throws {
    try requireFile(path)
    switch try StoreFile(path) {
    case .missing, .empty: break
    case .unmarkedDatabase: try look(at: path, .writing)
    case .store, .cut, .other: try ResultStore(path, .reading).close()
    }
  }

  private static func requireFile(_ path: String) throws {
    // SQLite's names for what vanishes with the process.
    guard !path.isEmpty, path != ":memory:" else {
      throw InputError(
        "store", problem: "is \"\(path)\", which keeps nothing", expected: "a file's path")
    }
  }

  /// Folds the log into the file; without it that happens when the file is next opened.
  public func close() throws { try withStoreErrors(path) { try queue.close() } }

  /// What a database without our mark is: a store whose creation was cut short, or nothing of ours,
  /// which then must not change in the least.
  private static func look(at path: String, _ access: Access) throws {
    try withStoreErrors(path) {
      let queue = try open(path, readOnly: true)
      try queue.read { database in
        if try isMarked(database) { return }
        guard try isUntouched(database) else {
          throw InputError(
            path, problem: "is a database of another program", expected: Self.kind)
        }
        guard access == .writing else {
          throw InputError(path, problem: "is empty", expected: "a store")
        }
      }
    }
  }

  private static func open(_ path: String, readOnly: Bool) throws -> DatabaseQueue {
    // Absolute, as SQLite gives names like file:x?mode=memory a meaning of their own.
    let path = URL(fileURLWithPath: path).path
    var configuration = Configuration()
    configuration.busyMode = .timeout(patience)
    // Even readers write where they can: they fold in the log of a writer that was killed.
    let files = FileManager.default
    configuration.readonly =
      readOnly || (files.fileExists(atPath: path) && !files.isWritableFile(atPath: path))
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
    // Nothing of others may change, so this comes before anything is written.
    if try !queue.read(Self.isUntouched) { try requireOurs() }
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
      throw Self.damaged(path, faults.first ?? "no reason given")
    }
  }

  static func damaged(_ path: String, _ reason: String) -> InputError {
    InputError(path, problem: "is damaged (\(reason))", expected: wholeStore)
  }

  /// Whether nobody has put anything into the database yet.
  private static func isUntouched(_ database: Database) throws -> Bool {
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    let identifier = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    return tables == 0 && identifier == 0
  }

  private static func isMarked(_ database: Database) throws -> Bool {
    try Int.fetchOne(database, sql: "PRAGMA application_id") == StoreSchema.applicationID
  }

  /// Refuses databases of other programs and of other versions.
  private func requireOurs() throws {
    try queue.read { database in
      guard try Self.isMarked(database) else {
        throw InputError(
          path, problem: "is a database of another program", expected: Self.kind)
      }
      let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
      guard version == StoreSchema.version else {
        throw InputError(
          path, problem: "has store schema \(version)",
          expected: "\(StoreSchema.version), or the Dyno that wrote it")
      }
      try StoreSchema.check(database, path)
    }
  }

  private func requireCurrentRecords() throws {
    try queue.read { database in
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
