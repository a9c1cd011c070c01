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
          let fields = StoreRow(row, of: "results", in: path)
          let unit = SweepUnit(cell: try fields.text(0), block: try fields.count(1))
          switch try fields.status(2) {
          case .measured: states[unit, default: UnitState()].measured = true
          case .failed: states[unit, default: UnitState()].failures = try fields.count(3)
          }
        }
        return states
      }
    }
  }

  /// What the cells' keys are hashes of, by key.
  public func identities() throws -> [String: String] {
    try withStoreErrors(path) {
      try queue.read { database in
        var identities: [String: String] = [:]
        let rows = try Row.fetchCursor(database, sql: "SELECT key, identity FROM cells")
        while let row = try rows.next() {
          let fields = StoreRow(row, of: "cells", in: path)
          identities[try fields.text(0)] = try fields.text(1)
        }
        return identities
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
        ).map { try Self.result(StoreRow($0, of: "results", in: path)) }
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
    try withStoreErrors(path) { try queue.read { try Self.runs($0, in: path) } }
  }

  static func runs(_ database: Database, in path: String) throws -> [StoredRun] {
    try Row.fetchAll(
      database, sql: "SELECT id, command, started_at, details FROM runs ORDER BY started_at, id"
    ).map {
      let fields = StoreRow($0, of: "runs", in: path)
      return StoredRun(
        id: try fields.text(0), command: try fields.text(1), startedAt: try fields.text(2),
        details: try fields.text(3))
    }
  }

  /// - Parameter row: cell, block, run, status, finished_at, record.
  static func result(_ row: StoreRow) throws -> StoredResult {
    StoredResult(
      unit: row.isNull(0) ? nil : SweepUnit(cell: try row.text(0), block: try row.count(1)),
      run: try row.text(2), status: try row.status(3), finishedAt: try row.text(4),
      record: try row.text(5))
  }
}
