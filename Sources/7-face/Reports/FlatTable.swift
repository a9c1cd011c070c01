import Foundation
import Input
import Records

/// Records as CSV: a row each, a column for every field of any of them; fields within fields are
/// joined by a dot, lists by spaces.
enum FlatTable {
  /// - Parameter first: the columns to begin with; the others follow in alphabetical order.
  static func csv(_ rows: [[String: String]], first: [String]) -> String {
    let columns = first + Set(rows.flatMap(\.keys)).subtracting(first).sorted()
    let lines = rows.map { row in
      columns.map { DelimitedText.quoted(row[$0] ?? "") }.joined(separator: ",")
    }
    let header = columns.map(DelimitedText.quoted).joined(separator: ",")
    return ([header] + lines).joined(separator: "\r\n")
  }

  static func row(_ value: JSONValue) -> [String: String] {
    var row: [String: String] = [:]
    flatten(value, "", into: &row)
    return row
  }

  private static func flatten(
    _ value: JSONValue, _ name: String, into row: inout [String: String]
  ) {
    switch value {
    case .null: break
    case .bool(let value): row[name] = "\(value)"
    case .integer(let value): row[name] = "\(value)"
    case .number(let value): row[name] = "\(value)"
    case .string(let value): row[name] = value
    case .array(let values):
      var cells: [String: String] = [:]
      for (index, value) in values.enumerated() { flatten(value, "\(index)", into: &cells) }
      row[name] = values.indices.compactMap { cells["\($0)"] }.joined(separator: " ")
    case .object(let fields):
      for (key, value) in fields {
        flatten(value, name.isEmpty ? key : "\(name).\(key)", into: &row)
      }
    }
  }
}
