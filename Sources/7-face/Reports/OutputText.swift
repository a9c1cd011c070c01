import Input
import Records

/// Names and messages of others as each output can hold them: one function an output. (JSON is made
/// safe where it is encoded, in `RecordText`, and CSV in `DelimitedText.quoted`.)
public enum OutputText {
  /// On one line of a terminal.
  public static func terminal(_ text: String) -> String { PrintableText.line(text) }

  /// On lines of a terminal: line ends are the text's own.
  public static func terminalLines(_ text: String) -> String {
    // By scalars: "\r\n" is one Character.
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map { terminal(String($0)) }.joined(separator: "\n")
  }

  /// In a line or a cell of Markdown: neither HTML nor markup, and no end of the cell.
  public static func markdown(_ text: String) -> String {
    var escaped = ""
    // By scalars: a mark with an accent is one Character, and a mark all the same.
    for scalar in PrintableText.line(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\\", "`", "*", "[", "]", "|":
        escaped += "\\"
        escaped.unicodeScalars.append(scalar)
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// JSON inside a script element of HTML, which ends where `</script` stands, whatever is around it.
  public static func script(_ json: String) -> String {
    RecordText.printable(json).replacing("<", with: "\\u003c").replacing("&", with: "\\u0026")
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
