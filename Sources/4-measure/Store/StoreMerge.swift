import GRDB

extension ResultStore {
  /// Takes in everything that another store holds. Rows are named by their content, so merging
  /// twice, or in another order, gives the same set of rows.
  ///
  /// - Returns: how many results are new here.
  public func merge(_ other: ResultStore) throws -> Int {
    guard other !== self else { return 0 }
    // One transaction on either side: a sweep may be writing there, and all arrives or nothing.
    return try withStoreErrors(other.path) {
      try other.queue.read { source in
        try withStoreErrors(path) {
          try queue.write { try Self.copy(from: source, in: other.path, to: $0) }
        }
      }
    }
  }

  private static func copy(
    from source: Database, in path: String, to target: Database
  ) throws -> Int {
    for run in try runs(source, in: path) { try insert(run, target) }
    let cells = try Row.fetchCursor(source, sql: "SELECT key, identity FROM cells")
    while let row = try cells.next() {
      let fields = StoreRow(row, of: "cells", in: path)
      try insert(cell: try fields.text(0), identity: try fields.text(1), target)
    }
    let before = target.totalChangesCount
    let results = try Row.fetchCursor(
      source, sql: "SELECT cell, block, run, status, finished_at, record FROM results")
    while let row = try results.next() {
      try insert(result(StoreRow(row, of: "results", in: path)), target)
    }
    return target.totalChangesCount - before
  }
}
