/// A table of text for people: columns aligned, numbers to the right.
public struct Table: Sendable {
  public enum Alignment: Sendable { case left, right }
  public enum Style: Sendable { case plain, markdown }

  private let columns: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []

  public init(_ columns: [(String, Alignment)]) {
    self.columns = columns.map { (title: $0.0, alignment: $0.1) }
  }

  /// Adds a row of as many cells as there are columns.
  public mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count)
    rows.append(cells)
  }

  public func rendered(_ style: Style = .plain) -> String {
    func safe(_ text: String) -> String {
      switch style {
      case .plain: OutputText.terminal(text)
      case .markdown: OutputText.markdown(text)
      }
    }
    let titles = columns.map { safe($0.title) }
    let rows = rows.map { $0.map(safe) }
    let widths = columns.indices.map { column in
      max(titles[column].count, rows.map { $0[column].count }.max() ?? 0)
    }
    func padded(_ text: String, _ column: Int) -> String {
      let space = String(repeating: " ", count: widths[column] - text.count)
      return columns[column].alignment == .left ? text + space : space + text
    }
    func line(_ cells: [String]) -> String {
      let cells = cells.indices.map { padded(cells[$0], $0) }
      switch style {
      case .markdown: return "| " + cells.joined(separator: " | ") + " |"
      case .plain:
        let line = cells.joined(separator: "  ")
        return String(line.reversed().drop { $0 == " " }.reversed())
      }
    }
    let rule = columns.indices.map { column in
      switch style {
      case .plain: return String(repeating: "─", count: widths[column])
      case .markdown:
        let dashes = String(repeating: "-", count: max(1, widths[column] - 1))
        return columns[column].alignment == .left ? dashes + "-" : dashes + ":"
      }
    }
    return ([line(titles), line(rule)] + rows.map(line)).joined(separator: "\n")
  }
}
