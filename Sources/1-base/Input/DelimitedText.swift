import Foundation

/// A strict reader of comma-separated values (RFC 4180): quotes, CRLF, one header row.
///
/// Rows must have as many cells as the header; lines of nothing are skipped.
public struct DelimitedText: Sendable {
  public let columns: [String]
  /// Cells, and the line each row begins on (the header is line 1).
  public let rows: [(line: Int, cells: [String])]

  /// No table that is read here comes near these; what does would only fill the memory.
  private static let mostColumns = 1000
  private static let mostRows = 500_000
  /// Of all rows: a comma in the file becomes a text in memory.
  private static let mostCells = 10_000_000

  /// - Throws: `InputError` that names the line.
  public init(_ text: String) throws {
    var header: [String]?
    var rows: [(line: Int, cells: [String])] = []
    var cells: [String] = []
    var cellCount = 0
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
    func endCell() throws {
      guard cells.count < Self.mostColumns else {
        throw fail("has too many cells", expected: "at most \(Self.mostColumns)")
      }
      cells.append(String(cell))
      cell = .init()
      wasQuoted = false
    }
    func endRecord() throws {
      let isBlank = cells.isEmpty && cell.isEmpty && !wasQuoted
      try endCell()
      defer { cells = [] }
      guard !isBlank else { return }
      guard let columns = header else {
        header = try Self.columns(cells)
        return
      }
      guard cells.count == columns.count else {
        throw InputError(
          "row \(firstLine)",
          problem: cells.count < columns.count
            ? "lacks column \"\(columns[cells.count].prefix(60))\"" : "has \(cells.count) cells",
          expected: "\(columns.count) cells, as in the header")
      }
      guard rows.count < Self.mostRows else {
        throw fail("is one too many", expected: "at most \(Self.mostRows) rows")
      }
      cellCount += cells.count
      guard cellCount <= Self.mostCells else {
        throw fail("brings the cells to \(cellCount)", expected: "at most \(Self.mostCells)")
      }
      rows.append((firstLine, cells))
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
      case ",": try endCell()
      case "\n":
        try endRecord()
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
    if !cell.isEmpty || !cells.isEmpty || wasQuoted { try endRecord() }

    guard let header else {
      throw InputError(problem: "is empty", expected: "a header row and data")
    }
    columns = header
    self.rows = rows
  }

  private static func columns(_ header: [String]) throws -> [String] {
    let columns = header.map { $0.trimmingCharacters(in: .whitespaces) }
    var seen: Set<String> = []
    for column in columns where !seen.insert(column).inserted {
      throw InputError(
        "row 1", problem: "names column \"\(column.prefix(60))\" twice", expected: "once")
    }
    return columns
  }

  /// A cell as it must be written (RFC 4180): one that a spreadsheet does not take for a formula, and
  /// without terminal codes.
  public static func quoted(_ cell: String) -> String {
    // By scalars throughout: "\r\n" is one Character, and so is a quote with an accent.
    var scalars = cell.unicodeScalars.map {
      PrintableText.isUnsafe($0) && !"\t\r\n".unicodeScalars.contains($0) ? "\u{FFFD}" : $0
    }
    if let first = scalars.first, "=+-@\t\r".unicodeScalars.contains(first), !isNumeric(cell) {
      scalars.insert("'", at: 0)
    }
    let needsQuotes = scalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
    guard needsQuotes else { return String(String.UnicodeScalarView(scalars)) }
    var text = "\"".unicodeScalars
    for scalar in scalars {
      if scalar == "\"" { text.append(scalar) }
      text.append(scalar)
    }
    text.append("\"")
    return String(text)
  }

  /// Numbers, separated by spaces.
  private static func isNumeric(_ cell: String) -> Bool {
    cell.split(separator: " ").allSatisfy { Double($0) != nil }
  }
}

extension DelimitedText {
  private init(columns: [String], rows: [(line: Int, cells: [String])]) {
    self.columns = columns
    self.rows = rows
  }

  /// The same rows under other names of columns.
  public func renamed(_ name: (String) -> String) -> DelimitedText {
    DelimitedText(columns: columns.map(name), rows: rows)
  }
}
