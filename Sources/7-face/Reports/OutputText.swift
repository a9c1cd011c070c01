import Input

/// Names and messages of others as each output can hold them: one function an output. (JSON is made
/// safe where it is encoded, in `RecordText`.)
public enum OutputText {
  /// On one line of a terminal.
  public static func terminal(_ text: String) -> String { PrintableText.line(text) }

  /// In a line or a cell of Markdown: neither HTML nor markup, and no end of the cell.
  public static func markdown(_ text: String) -> String {
    var escaped = ""
    for character in PrintableText.line(text) {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\\", "`", "*", "[", "]", "|": escaped += "\\\(character)"
      default: escaped.append(character)
      }
    }
    return escaped
  }

  /// A cell of CSV (RFC 4180), which a spreadsheet must not take for a formula.
  public static func csv(_ cell: String) -> String {
    var cell = String(
      String.UnicodeScalarView(
        cell.unicodeScalars.map {
          PrintableText.isUnsafe($0) && !"\t\r\n".unicodeScalars.contains($0) ? "\u{FFFD}" : $0
        }))
    if let first = cell.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first),
      !isNumeric(cell)
    {
      cell = "'" + cell
    }
    // By scalars: "\r\n" is one character, and neither of its parts.
    guard cell.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else {
      return cell
    }
    return "\"" + cell.replacing("\"", with: "\"\"") + "\""
  }

  /// Numbers, separated by spaces.
  private static func isNumeric(_ cell: String) -> Bool {
    cell.split(separator: " ").allSatisfy { Double($0) != nil }
  }

  /// An attribute or the text of XML 1.0, which has no control characters and no noncharacters,
  /// however they are spelled.
  public static func xml(_ text: String) -> String {
    var escaped = ""
    for scalar in PrintableText.line(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&apos;"
      case "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
