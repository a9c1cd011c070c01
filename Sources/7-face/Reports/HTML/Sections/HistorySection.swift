import Input

enum HistorySection: ReportSection {
  static let id = "history"
  static let title = "History"
  static let about = """
    Throughput over commits, and the commits at which its level changed for good.
    """

  private struct Row {
    let series: String
    /// From 1.
    let position: Int
    let commit: String
    let rate: Double
    let measured: String
    let results: Int
    /// Median between changes; absent where nothing changed.
    let level: Double?
    /// Of the change that this commit begins.
    let ratio: Double?
    let pValue: Double?
  }

  private struct Series {
    let identity: [String]
    let points: [JSONObject]
    let changes: [JSONObject]
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let series = try input.map(.history) { record in
      try record.fields.parts("series").map { try read($0, record.source) }
    }.flatMap { $0 }
    guard !series.isEmpty else { return [] }
    let named = zip(SeriesNames.shortest(series.map(\.identity)), series)
    // Those that changed come first.
    let ordered = named.filter { !$0.1.changes.isEmpty } + named.filter { $0.1.changes.isEmpty }
    let rows = try ordered.flatMap { try Self.rows($0.1, $0.0) }
    return [
      Figure(
        "history-series", .history, "Median throughput over commits",
        caption: """
          A strip a series; those that changed come first. Grey bars are the medians between changes, \
          vertical lines the changes with the ratio of levels.
          """,
        axes: .init(x: .init(title: "commit, from the first"), y: .init(title: "tok/s")),
        rows: rows,
        columns: [
          .init("series", "series") { .text($0.series) },
          .init("position", "x") { .init($0.position) },
          .init("commit") { .text($0.commit) },
          .init("tok/s", "y") { .number($0.rate) },
          .init("level, tok/s", "level") { .init($0.level) },
          .init("ratio of levels", "ratio") { .init($0.ratio) },
          .init("p of the change") { .init($0.pValue) },
          .init("results") { .init($0.results) },
          .init("first measured") { .text($0.measured) },
        ], groups: \.series)
    ]
  }

  private static func read(_ fields: JSONObject, _ source: String) throws -> Series {
    let settings = try fields.part("settings")
    func word(_ field: String) -> String {
      switch settings[field] {
      case .string(let text): text
      case .integer(let number): "\(number)"
      default: ""
      }
    }
    return Series(
      identity: [
        "\(try fields.text("model_type")) \(try fields.text("test"))",
        "batch \(word("n_sequences"))", word("type_weights"), "\(word("type_k")) cache",
        "\(word("n_threads")) threads", word("cpu_info"), source,
      ],
      points: try fields.parts("points"), changes: try fields.parts("changes"))
  }

  private static func rows(_ series: Series, _ name: String) throws -> [Row] {
    let changes = try series.changes.map { change in
      (
        index: try change.count("index", in: 1...max(1, series.points.count - 1)),
        before: try change.number("before"), after: try change.number("after"),
        ratio: try change.number("ratio"), pValue: try change.number("p_value")
      )
    }
    return try series.points.enumerated().map { index, point in
      let change = changes.first { $0.index == index }
      return Row(
        series: name, position: index + 1, commit: CommitText.brief(try point.text("commit")),
        rate: try point.number("median_ts"), measured: try point.text("first_measured_at"),
        results: try point.count("results", in: 1...1 << 40),
        level: changes.last { $0.index <= index }?.after ?? changes.first?.before,
        ratio: change?.ratio, pValue: change?.pValue)
    }
  }
}
