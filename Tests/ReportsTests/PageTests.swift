import Reports
import Testing

@Suite struct PageTests {
  private let table: Table = {
    var table = Table([
      ("architecture", .left), ("test", .left), ("tok/s", .right), ("interval", .right),
      ("of floor", .right), ("GB/s", .right), ("commit", .left),
    ])
    table.add(["llama-3.2-1b", "pp512", "98.2", "97.6 – 98.9", "86.6%", "0.478", "0123456789"])
    table.add([
      "an/organisation/with-a-long-name-and-its-model-7b", "tg32 @ d4096", "19.0",
      "18.8 – 19.2", "84.1%", "49.6", "0123456789",
    ])
    return table
  }()

  private func rendered(_ columns: Int?) -> [String] {
    Page.$columns.withValue(columns) { table.rendered() }.split(separator: "\n").map(String.init)
  }

  @Test func withoutALimitAllIsThere() {
    let lines = rendered(nil)
    #expect(lines.count == 4)
    #expect(lines[3].hasPrefix("an/organisation/with-a-long-name-and-its-model-7b"))
    #expect(lines[0].hasSuffix("commit"))
  }

  @Test(arguments: 40...160) func fits(columns: Int) {
    for line in rendered(columns) { #expect(line.count <= columns, "\(line)") }
  }

  /// Long names give way first, then the last columns, which are named.
  @Test func narrowPagesKeepTheFirstColumns() {
    #expect(!rendered(110).contains { $0.contains("Not shown") })
    #expect(rendered(110)[3].hasPrefix("an/organisa"))
    let lines = rendered(60)
    #expect(lines[0].hasPrefix("architecture"))
    #expect(lines[0].contains("interval"))
    #expect(!lines[0].contains("commit"))
    #expect(lines.last == "Not shown (--wide): of floor, GB/s, commit.")
    #expect(lines[3].contains("…"))
    #expect(lines[3].contains("del-7b"))
  }

  /// Columns that are marked go before others on their right, in the order of their marks.
  @Test func dispensableColumnsGoFirst() {
    var table = Table(
      [("name", .left), ("size", .right), ("total", .right), ("loss", .right), ("gain", .right)],
      dispensable: ["total", "size"])
    table.add(["a", "1000", "20000", "3.141", "1.05×"])
    let marked = table
    func lines(_ columns: Int) -> [String] {
      Page.$columns.withValue(columns) { marked.rendered() }.split(separator: "\n").map(String.init)
    }
    #expect(lines(31)[0] == "name  size  total   loss   gain" && lines(31).count == 3)
    #expect(lines(30)[0] == "name  size   loss   gain")
    #expect(lines(30)[2] == "a     1000  3.141  1.05×")
    #expect(lines(30).last == "Not shown (--wide): total.")
    #expect(lines(23)[0] == "name   loss   gain")
    let document = marked.rendered(.markdown)
    #expect(document.hasPrefix("| name | size | total |  loss |  gain |"))
  }

  /// There is nothing to name a column without a title by.
  @Test func columnsWithoutTitlesAreNotNamed() {
    var table = Table([("name", .left), ("a", .right), ("b", .right), ("", .left)])
    table.add(["x", "1", "2", "a longer remark"])
    let untitled = table
    let lines = Page.$columns.withValue(12) { untitled.rendered() }.split(separator: "\n")
    #expect(lines.count == 3 && lines[0] == "name  a  b")
  }

  @Test func markdownHasNoPage() {
    let free = table.rendered(.markdown)
    #expect(Page.$columns.withValue(40) { table.rendered(.markdown) } == free)
  }

  @Test func linesBreakAtSpaces() {
    let text = "Limits of this run: 56.01 GB/s read, 224.9 GFLOP/s.\n\nend"
    #expect(
      Page.$columns.withValue(40) { Page.wrapped(text) }
        == "Limits of this run: 56.01 GB/s read,\n224.9 GFLOP/s.\n\nend")
    #expect(Page.wrapped(text) == text)
  }

  /// Names in prose do not act on a terminal, however wide the page is; its lines stay.
  @Test(arguments: [nil, 40] as [Int?])
  func namesInProse(columns: Int?) {
    let text = "Winner: a\u{1b}]0;x\u{7}, b\u{202e}c.\r\n\n  d\u{9b}31m\te"
    #expect(
      Page.$columns.withValue(columns) { Page.wrapped(text) }
        == "Winner: a\u{FFFD}]0;x\u{FFFD}, b\u{FFFD}c.\u{FFFD}\n\n  d\u{FFFD}31m\u{FFFD}e")
  }

  /// A value goes on below itself, and a word that has no place stays whole.
  @Test func valuesGoOnBelowTheirPlace() {
    let text =
      "  shape   hidden 2048, intermediate 8192, layers 16\n" + String(repeating: "w", count: 50)
    #expect(
      Page.$columns.withValue(41) { Page.wrapped(text) }
        == "  shape   hidden 2048, intermediate 8192,\n          layers 16\n"
        + String(repeating: "w", count: 50))
  }
}
