import Foundation
import GRDB

extension ResultStore {
  /// Records that a run begins. Writes at once, so that a store that cannot be written is found out
  /// before anything is measured.
  public func begin(_ run: StoredRun) throws {
    try withStoreErrors(path) { try queue.write { try Self.insert(run, $0) } }
  }

  /// Appends one result, in one transaction.
  ///
  /// - Parameter identity: what the unit's key is the hash of.
  /// - Returns: `false` where the unit was measured by somebody else meanwhile; nothing is stored
  ///   then.
  @discardableResult
  public func append(_ result: StoredResult, identity: String? = nil) throws -> Bool {
    try withStoreErrors(path) {
      try queue.write { database in
        if let unit = result.unit {
          if let identity { try Self.insert(cell: unit.cell, identity: identity, database) }
          let measured = try Bool.fetchOne(
            database,
            sql: """
              SELECT EXISTS (
                SELECT 1 FROM results WHERE cell = ? AND block = ? AND status = 'measured')
              """, arguments: [unit.cell, unit.block])
          if measured == true { return false }
        }
        try Self.insert(result, database)
        return true
      }
    }
  }

  static func insert(_ run: StoredRun, _ database: Database) throws {
    try database.execute(
      sql: "INSERT OR IGNORE INTO runs (id, command, started_at, details) VALUES (?, ?, ?, ?)",
      arguments: [run.id, run.command, run.startedAt, run.details])
  }

  static func insert(cell: String, identity: String, _ database: Database) throws {
    try database.execute(
      sql: "INSERT OR IGNORE INTO cells (key, identity) VALUES (?, ?)", arguments: [cell, identity])
  }

  static func insert(_ result: StoredResult, _ database: Database) throws {
    // A row that is there already has the same content. Other violations must be heard.
    try database.execute(
      sql: """
        INSERT INTO results (uid, cell, block, run, status, finished_at, record)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING
        """,
      arguments: [
        result.uid, result.unit?.cell, result.unit?.block, result.run, result.status.rawValue,
        result.finishedAt, result.record,
      ])
  }
}
