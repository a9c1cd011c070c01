/// How wide what people read may be: a terminal, or as many columns as were asked for.
public enum Page {
  /// `nil`: tables and lines are as wide as they come out.
  @TaskLocal public static var columns: Int?

  /// `text` as a terminal may have it, whatever names are in it, its longer lines broken at spaces;
  /// what follows is indented as the line is, or as the value of a label that stands two spaces before
  /// it. Tables fit by themselves (`Table.rendered`).
  public static func wrapped(_ text: String) -> String {
    let text = OutputText.terminalLines(text)
    guard let columns else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.count <= columns ? String(line) : wrapped(line, columns)
    }.joined(separator: "\n")
  }

  private static func wrapped(_ line: Substring, _ columns: Int) -> String {
    var place = indent(line)
    if place > columns / 2 { place = 0 }
    let indent = String(repeating: " ", count: place)
    var lines: [String] = []
    var rest = Array(line)
    // A word that is wider than the page stays whole.
    while rest.count > columns,
      let space = rest[...columns].lastIndex(of: " ").flatMap({ $0 > place ? $0 : nil })
        ?? rest[columns...].firstIndex(of: " ")
    {
      lines.append(String(rest[..<space]))
      rest = Array(indent) + rest[(space + 1)...].drop { $0 == " " }
    }
    return (lines + [String(rest)]).joined(separator: "\n")
  }

  /// Where a line's value begins: after the label and its gap, if there is one.
  private static func indent(_ line: Substring) -> Int {
    let start = line.prefix { $0 == " " }.count
    guard let gap = line.dropFirst(start).firstRange(of: "  ") else { return start }
    return line.distance(from: line.startIndex, to: gap.lowerBound)
      + line[gap.lowerBound...].prefix { $0 == " " }.count
  }
}
