import Architectures
import Foundation

/// A strict reader of comma-separated values (RFC 4180): quotes, CRLF, one header row.
///
/// Rows must have as many cells as the header; lines of nothing are skipped.
public struct DelimitedText: Sendable {
  public let columns: [String]
  /// Cells, and the line each row begins on (the header is line 1).
  public let rows: [(line: Int, cells: [String])]

  /// - Throws: `InputError` that names the line.
  public init(_ text: String) throws {
    var records: [(line: Int, cells: [String])] = []
    var cells: [String] = []
    var cell = String.UnicodeScalarView()
    var line = 1
    var firstLine = 1
    var quoted = false
    var wasQuoted = false
    var scalars = text.unicodeScalars[...]
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }

    func fail(_ problem: String, expected: String) -> InputError {
      InputError("row \(line)", problem: problem, expected: expected)
    }
    func endCell() {
      cells.append(String(cell))
      cell = .init()
      wasQuoted = false
    }
    func endRecord() {
      let isBlank = cells.isEmpty && cell.isEmpty && !wasQuoted
      endCell()
      if !isBlank { records.append((firstLine, cells)) }
      cells = []
    }

    while let scalar = scalars.popFirst() {
      if quoted {
        if scalar == "\n" { line += 1 }
        if scalar != "\"" {
          cell.append(scalar)
        } else if scalars.first == "\"" {
          scalars.removeFirst()
          cell.append("\"")
        } else {
          quoted = false
        }
        continue
      }
      switch scalar {
      case "\"":
        guard cell.isEmpty, !wasQuoted else {
          throw fail("has a quote inside a cell", expected: "the whole cell in quotes")
        }
        quoted = true
        wasQuoted = true
      case ",": endCell()
      case "\n":
        endRecord()
        line += 1
        firstLine = line
      case "\r" where scalars.first == "\n": continue
      default:
        guard !wasQuoted else {
          throw fail("has text after a closing quote", expected: "a comma or the line's end")
        }
        cell.append(scalar)
      }
    }
    guard !quoted else { throw fail("ends inside quotes", expected: "a closing quote") }
    if !cell.isEmpty || !cells.isEmpty || wasQuoted { endRecord() }

    guard let header = records.first else {
      throw InputError(problem: "is empty", expected: "a header row and data")
    }
    columns = header.cells.map { $0.trimmingCharacters(in: .whitespaces) }
    for (index, column) in columns.enumerated() where columns[..<index].contains(column) {
      throw InputError("row 1", problem: "names column \"\(column)\" twice", expected: "once")
    }
    rows = Array(records.dropFirst())
    for row in rows where row.cells.count != columns.count {
      throw InputError(
        "row \(row.line)",
        problem: row.cells.count < columns.count
          ? "lacks column \"\(columns[row.cells.count])\""
          : "has \(row.cells.count) cells",
        expected: "\(columns.count) cells, as in the header")
    }
  }

  /// A cell as it must be written.
  public static func quoted(_ cell: String) -> String {
    guard cell.contains(where: { ",\"\r\n".contains($0) }) else { return cell }
    return "\"" + cell.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  /// Reads a file. Errors name it.
  public init(contentsOf url: URL) throws {
    self = try within(url.path) {
      guard let data = FileManager.default.contents(atPath: url.path) else {
        throw InputError(problem: "cannot be read", expected: "a CSV file")
      }
      guard let text = String(data: data, encoding: .utf8) else {
        throw InputError(problem: "is not UTF-8 text", expected: "a CSV file")
      }
      return try DelimitedText(text)
    }
  }
}
