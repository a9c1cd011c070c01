/// Throughput of one test over a quantity that it was run at several values of.
struct ScalingFigures {
  /// Of the quantity, in identifiers and in words.
  let id: String
  let words: String
  let axisTitle: String
  let value: (MeasuredTest) -> Int
  /// What else tells one line from another.
  let others: (MeasuredTest) -> [String]

  private struct Row {
    let test: MeasuredTest
    let series: String
    let x: Int
  }

  /// A figure for each phase that has a line of two points or more.
  func figures(_ input: ReportInput) throws -> [Figure] {
    let tests = try MeasuredTest.latest(input)
    return [MeasuredTest.Phase.prefill, .decode, .workload].compactMap { phase in
      figure(tests.filter { $0.phase == phase }, phase)
    }
  }

  private func figure(_ tests: [MeasuredTest], _ phase: MeasuredTest.Phase) -> Figure? {
    let lines = Dictionary(grouping: tests) { $0.subject + others($0) }
      .filter { Set($0.value.map(value)).count > 1 }
    let kept = tests.filter { lines[$0.subject + others($0)] != nil }
    guard !kept.isEmpty else { return nil }
    let names = SeriesNames.shortest(kept.map { $0.subject + others($0) })
    let rows = zip(names, kept).map { Row(test: $1, series: $0, x: value($1)) }
      .sorted { ($0.series, $0.x) < ($1.series, $1.x) }
    return Figure(
      "\(id)-\(phase.rawValue)", .lines, "\(phase.words) over \(words)",
      caption: "Medians with 95% intervals, tokens of all sequences together.",
      axes: .init(
        x: .counts(axisTitle, rows.map { Double($0.x) }),
        y: .magnitudes("tokens a second", rows.map(\.test.rate))),
      rows: rows,
      columns: [
        .init("series", "series") { .text($0.series) },
        .init("test") { .text($0.test.name) },
        .init(words, "x") { .init($0.x) },
        .init("tok/s", "y") { .number($0.test.rate) },
        .init("95% from", "low") { .init($0.test.interval?.lowerBound) },
        .init("95% to", "high") { .init($0.test.interval?.upperBound) },
      ], groups: \.series)
  }
}

extension MeasuredTest.Phase {
  fileprivate var words: String {
    switch self {
    case .prefill: "Prefill"
    case .decode: "Decode"
    case .workload: "Whole requests"
    }
  }
}

enum DepthSection: ReportSection {
  static let id = "depth"
  static let title = "Speed over depth"
  static let about = """
    Throughput by how many positions stand in the KV cache already: what attention to a long past costs.
    """

  static func figures(_ input: ReportInput) throws -> [Figure] {
    try ScalingFigures(
      id: id, words: "depth", axisTitle: "positions in the KV cache", value: \.depth,
      others: { [$0.kind, "batch \($0.batch)"] }
    ).figures(input)
  }
}

enum BatchSection: ReportSection {
  static let id = "batch"
  static let title = "Speed over batch"
  static let about = """
    Throughput by how many sequences run at once: weights are read once for all of them, until \
    arithmetic binds.
    """

  static func figures(_ input: ReportInput) throws -> [Figure] {
    try ScalingFigures(
      id: id, words: "batch", axisTitle: "sequences at once", value: \.batch,
      others: { [$0.name] }
    ).figures(input)
  }
}
