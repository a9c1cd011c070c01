import Foundation
import GRDB

extension ResultStore {
  /// What is known of a unit of a sweep.
  public struct UnitState: Sendable, Equatable {
    public var measured = false
    /// How often it was tried in vain.
    public var failures = 0

    public init(measured: Bool = false, failures: Int = 0) {
      self.measured = measured
      self.failures = failures
    }
  }

  /// The state of every unit that was ever tried.
  public func unitStates() throws -> [SweepUnit: UnitState] {
    try withStoreErrors(path) {
      try queue.read { database in
        var states: [SweepUnit: UnitState] = [:]
        let rows = try Row.fetchCursor(
          database,
          sql: """
            SELECT cell, block, status, count(*) FROM results WHERE cell IS NOT NULL
            GROUP BY cell, block, status
            """)
        while let row = try rows.next() {
          let unit = SweepUnit(cell: row[0], block: row[1])
          if row[2] == StoredResult.Status.measured.rawValue {
            states[unit, default: UnitState()].measured = true
          } else {
            states[unit, default: UnitState()].failures = row[3]
          }
        }
        return states
      }
    }
  }

  /// The state of one unit.
  public func state(of unit: SweepUnit) throws -> UnitState {
    try withStoreErrors(path) {
      try queue.read { database in
        func count(_ status: StoredResult.Status) throws -> Int {
          try Int.fetchOne(
            database,
            sql: "SELECT count(*) FROM results WHERE cell = ? AND block = ? AND status = ?",
            arguments: [unit.cell, unit.block, status.rawValue]) ?? 0
        }
        return UnitState(measured: try count(.measured) > 0, failures: try count(.failed))
      }
    }
  }

  /// The results that a filter lets through, oldest first.
  public func results(_ filter: ResultFilter = ResultFilter()) throws -> [StoredResult] {
    try withStoreErrors(path) {
      let (condition, arguments) = filter.condition
      return try queue.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT cell, block, run, status, finished_at, record FROM results
            WHERE \(condition) ORDER BY finished_at, uid
            """, arguments: arguments
        ).map(Self.result)
      }
    }
  }

  /// How many results there are.
  public func count() throws -> Int {
    try withStoreErrors(path) {
      try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM results") ?? 0 }
    }
  }

  /// All runs, oldest first.
  public func runs() throws -> [StoredRun] {
    try withStoreErrors(path) { try queue.read(Self.runs) }
  }

  static func runs(_ database: Database) throws -> [StoredRun] {
    try Row.fetchAll(
      database, sql: "SELECT id, command, started_at, details FROM runs ORDER BY started_at, id"
    ).map { StoredRun(id: $0[0], command: $0[1], startedAt: $0[2], details: $0[3]) }
  }

  static func result(_ row: Row) -> StoredResult {
    let cell: String? = row[0]
    return StoredResult(
      unit: cell.map { SweepUnit(cell: $0, block: row[1] ?? 0) }, run: row[2],
      status: StoredResult.Status(rawValue: row[3]) ?? .failed, finishedAt: row[4], record: row[5])
  }
}
