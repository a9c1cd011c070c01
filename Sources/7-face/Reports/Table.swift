/// A table of text for people: columns aligned, numbers to the right.
///
/// On a page that is too narrow (`Page.columns`) columns are left out: those first that people can
/// do without, then the last ones. They are named below.
public struct Table: Sendable {
  public enum Alignment: Sendable { case left, right }
  public enum Style: Sendable { case plain, markdown }

  private let columns: [(title: String, alignment: Alignment)]
  /// Titles of the columns that are left out before others, in this order.
  private let dispensable: [String]
  private var rows: [[String]] = []

  /// So many columns stay, however narrow the page is: what a row is of, and one figure of it.
  private static let fewestColumns = 3
  /// How narrow texts become, their middle left out, before columns are left out; and after that.
  private static let comfortableText = 24
  private static let narrowestText = 8
  private static let gap = 2

  /// - Parameter dispensable: titles of columns that are left out before others, the first of these
  ///   first.
  public init(_ columns: [(String, Alignment)], dispensable: [String] = []) {
    self.columns = columns.map { (title: $0.0, alignment: $0.1) }
    self.dispensable = dispensable
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
    let natural = columns.indices.map { column in
      max(titles[column].count, rows.map { $0[column].count }.max() ?? 0)
    }
    let (shown, widths) = fitted(natural, to: style == .plain ? Page.columns : nil)
    func padded(_ text: String, _ column: Int) -> String {
      let text = Self.shortened(text, to: widths[column])
      let space = String(repeating: " ", count: widths[column] - text.count)
      return columns[column].alignment == .left ? text + space : space + text
    }
    func line(_ cells: [String]) -> String {
      let cells = shown.map { padded(cells[$0], $0) }
      switch style {
      case .markdown: return "| " + cells.joined(separator: " | ") + " |"
      case .plain:
        let line = cells.joined(separator: String(repeating: " ", count: Self.gap))
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
    var lines = [line(titles), line(rule)] + rows.map(line)
    let hidden = columns.indices.filter { !shown.contains($0) && !titles[$0].isEmpty }
    if !hidden.isEmpty {
      let names = hidden.map { titles[$0] }.joined(separator: ", ")
      lines.append(Page.wrapped("Not shown (--wide): \(names)."))
    }
    return lines.joined(separator: "\n")
  }

  /// The columns that a page has room for, and the widths of all: long texts give way to columns,
  /// and columns to what must stay.
  private func fitted(_ natural: [Int], to page: Int?) -> (shown: [Int], widths: [Int]) {
    var shown = Array(natural.indices)
    var widths = natural
    guard let page else { return (shown, widths) }
    func excess() -> Int {
      shown.reduce(0) { $0 + widths[$1] } + Self.gap * max(0, shown.count - 1) - page
    }
    func shortenTexts(to least: Int) {
      while excess() > 0 {
        let texts = shown.filter { columns[$0].alignment == .left && widths[$0] > least }
        guard let widest = texts.max(by: { widths[$0] < widths[$1] }) else { return }
        widths[widest] = max(least, widths[widest] - excess())
      }
    }
    shortenTexts(to: Self.comfortableText)
    for column in leaving {
      guard excess() > 0, shown.count > Self.fewestColumns else { break }
      shown.removeAll { $0 == column }
    }
    shortenTexts(to: Self.narrowestText)
    return (shown, widths)
  }

  /// All columns, those first that are left out first; the dispensable stand in it twice.
  private var leaving: [Int] {
    let fromTheRight = Array(columns.indices.reversed())
    let first = dispensable.flatMap { title in
      fromTheRight.filter { columns[$0].title == title }
    }
    return first + fromTheRight
  }

  /// Names of models differ at their ends as well as at their beginnings.
  private static func shortened(_ text: String, to width: Int) -> String {
    guard text.count > width else { return text }
    let kept = width - 1
    return text.prefix(kept - kept / 2) + "…" + text.suffix(kept / 2)
  }
}
