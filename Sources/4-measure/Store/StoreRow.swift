import GRDB
import Input

/// A row whose columns may hold anything: SQLite's types are a matter of good will.
struct StoreRow {
  private let row: Row
  private let table: String
  private let path: String

  init(_ row: Row, of table: String, in path: String) {
    self.row = row
    self.table = table
    self.path = path
  }

  func isNull(_ index: Int) -> Bool { value(index).isNull }

  func text(_ index: Int) throws -> String {
    guard case .string(let text) = value(index).storage else { throw wrong(index, "text") }
    return text
  }

  /// Not below 0.
  func count(_ index: Int) throws -> Int {
    guard case .int64(let number) = value(index).storage, let count = Int(exactly: number),
      count >= 0
    else { throw wrong(index, "a count") }
    return count
  }

  func status(_ index: Int) throws -> StoredResult.Status {
    guard let status = StoredResult.Status(rawValue: try text(index)) else {
      throw wrong(index, "measured or failed")
    }
    return status
  }

  private func value(_ index: Int) -> DatabaseValue { row[index] }

  private func wrong(_ index: Int, _ expected: String) -> InputError {
    let found =
      switch value(index).storage {
      case .null: "nothing"
      case .int64(let number): "\(number)"
      case .double(let number): "\(number)"
      case .string(let text): "\"\(text.prefix(60))\""
      case .blob: "bytes"
      }
    let name = Array(row.columnNames)[index]
    return ResultStore.damaged(path, "\(table).\(name) holds \(found) instead of \(expected)")
  }
}
