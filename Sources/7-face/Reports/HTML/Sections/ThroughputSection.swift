enum ThroughputSection: ReportSection {
  static let id = "throughput"
  static let title = "Throughput"
  static let about = """
    How many tokens a second each architecture reads (pp) or makes (tg), and how near that is to what \
    the machine allows.
    """

  private struct Row {
    let test: MeasuredTest
    let label: String
    let series: String
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let order: [MeasuredTest.Phase] = [.prefill, .decode, .workload]
    let tests = try MeasuredTest.latest(input).enumerated().sorted {
      func key(_ place: Int, _ test: MeasuredTest) -> [Int] {
        [
          order.firstIndex(of: test.phase)!, test.prompt, test.generate, test.depth, test.batch,
          place,
        ]
      }
      return key($0.offset, $0.element).lexicographicallyPrecedes(key($1.offset, $1.element))
    }.map { $0.element }
    guard !tests.isEmpty else { return [] }
    let series = SeriesNames.shortest(tests.map(\.subject))
    let labels = SeriesNames.shortest(tests.map { [$0.name, "batch \($0.batch)"] })
    let rows = tests.indices.map {
      Row(test: tests[$0], label: labels[$0], series: series[$0])
    }
    let values = tests.flatMap { [$0.rate, $0.limit] }
    return [
      Figure(
        "throughput-tests", .intervals, "Throughput of each test beside the machine's floor",
        caption: """
          A dot is the median, its bar the 95% interval; the black tick is the throughput that the \
          machine's measured limits allow (bytes over bandwidth or FLOPs over peak, whichever is \
          slower): the roofline.
          """,
        axes: .init(x: .magnitudes("tokens a second, all sequences together", values)), rows: rows,
        columns: columns, groups: \.label)
    ]
  }

  private static var columns: [Figure.Column<Row>] {
    [
      .init("test", "label") { .text($0.label) },
      .init("architecture", "series") { .text($0.series) },
      .init("tok/s", "value") { .number($0.test.rate) },
      .init("95% from", "low") { .init($0.test.interval?.lowerBound) },
      .init("95% to", "high") { .init($0.test.interval?.upperBound) },
      .init("tok/s at the limits", "limit") { .number($0.test.limit) },
      .init("of floor", "note") {
        .text(
          "\(Quantity.number($0.test.rate)) tok/s, \(Quantity.percent($0.test.floorFraction)) of floor"
        )
      },
      .init("GB/s") { .number($0.test.gigabytesPerSecond) },
      .init("GFLOP/s") { .number($0.test.gigaflops) },
      .init("weights") { .text($0.test.weights) },
      .init("KV cache") { .text($0.test.cache) },
      .init("threads") { .init($0.test.threads) },
      .init("commit") { .text(CommitText.brief($0.test.commit)) },
      .init("measured") { .text($0.test.time) },
      .init("results") { .init($0.test.results) },
    ]
  }
}
