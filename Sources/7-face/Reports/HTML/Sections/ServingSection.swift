enum ServingSection: ReportSection {
  static let id = "serving"
  static let title = "A server under load"
  static let about = """
    Time to the first token (TTFT), time per output token (TPOT) and throughput of a server, by how \
    many requests it has at once or how many arrive a second.
    """

  private struct Row {
    let load: ServedLoad
    let series: String
    let x: Double
  }

  private struct Shown {
    let id: String
    let title: String
    let axis: String
    let value: (ServedLoad) -> Double
    let interval: (ServedLoad) -> ClosedRange<Double>?
    let p99: (ServedLoad) -> Double?
  }

  private static var quantities: [Shown] {
    [
      Shown(
        id: "ttft", title: "Time to the first token", axis: "mean TTFT, seconds",
        value: \.firstToken.mean, interval: \.firstToken.interval, p99: \.firstToken.p99),
      Shown(
        id: "tpot", title: "Time per output token", axis: "mean TPOT, seconds",
        value: \.outputToken.mean, interval: \.outputToken.interval, p99: \.outputToken.p99),
      Shown(
        id: "throughput", title: "Output throughput", axis: "output tokens a second",
        value: \.outputRate, interval: \.outputRateInterval, p99: { _ in nil }),
    ]
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let loads = try input.map(.serving, ServedLoad.init)
    let rows = zip(ServedLoad.names(loads), loads).map { name, load in
      Row(
        load: load, series: name,
        x: load.concurrency.map(Double.init) ?? load.rate ?? .nan)
    }
    let closed = rows.filter { $0.load.concurrency != nil }
    let open = rows.filter { $0.load.concurrency == nil && $0.load.rate != nil }
    return quantities.compactMap { over("concurrency", "requests at once", closed, $0) }
      + quantities.compactMap { over("rate", "requests a second", open, $0) }
      + costs(rows) + shares(rows)
  }

  private static func over(
    _ id: String, _ words: String, _ rows: [Row], _ quantity: Shown
  ) -> Figure? {
    guard !rows.isEmpty else { return nil }
    return Figure(
      "serving-\(id)-\(quantity.id)", .lines, "\(quantity.title) over \(words)",
      caption: """
        Predictions are hollow points on dashed lines in bands (90% intervals); measurements are full \
        points on full lines, with 95% intervals where there are enough requests.
        """,
      axes: .init(
        x: .counts(words, rows.map(\.x)),
        y: .magnitudes(quantity.axis, rows.map { quantity.value($0.load) })),
      rows: rows,
      columns: [
        .init("series", "series") { .text($0.series) },
        .init("predicted", "predicted") { .flag($0.load.isPredicted) },
        .init(words, "x") { .number($0.x) },
        .init(quantity.axis, "y") { .number(quantity.value($0.load)) },
        .init("interval from", "low") { .init(quantity.interval($0.load)?.lowerBound) },
        .init("interval to", "high") { .init(quantity.interval($0.load)?.upperBound) },
        .init("p99, seconds") { .init(quantity.p99($0.load)) },
        .init("memory, bytes") { .init($0.load.peakMemoryBytes) },
      ], groups: \.series)
  }

  /// Price against speed for one user: the front that a server's operator chooses from.
  private static func costs(_ rows: [Row]) -> [Figure] {
    let priced = rows.filter { $0.load.cost != nil }
    guard !priced.isEmpty else { return [] }
    return [
      Figure(
        "serving-cost", .scatter, "Cost against time per output token",
        caption: """
          A point is a load: further left each user's tokens come faster, further down they are \
          cheaper. In the currency of the price that was given.
          """,
        axes: .init(
          x: .magnitudes("mean TPOT, seconds", priced.map(\.load.outputToken.mean)),
          y: .magnitudes("cost of a million output tokens", priced.compactMap(\.load.cost))),
        rows: priced,
        columns: [
          .init("series", "series") { .text($0.series) },
          .init("load") { .text($0.load.load) },
          // Those of other series stand near.
          .init("name shown", "label") {
            .init($0.series == priced[0].series ? $0.load.load : nil)
          },
          .init("mean TPOT, seconds", "x") { .number($0.load.outputToken.mean) },
          .init("TPOT 90% from", "xLow") { .init($0.load.outputToken.interval?.lowerBound) },
          .init("TPOT 90% to", "xHigh") { .init($0.load.outputToken.interval?.upperBound) },
          .init("cost of a million output tokens", "y") { .init($0.load.cost) },
          .init("cost 90% from", "yLow") { .init($0.load.costInterval?.lowerBound) },
          .init("cost 90% to", "yHigh") { .init($0.load.costInterval?.upperBound) },
        ], groups: \.series)
    ]
  }

  private struct ShareRow {
    let label: String
    let part: String
    let share: Double
  }

  private static func shares(_ rows: [Row]) -> [Figure] {
    let parts = rows.flatMap { row in
      row.load.shares.filter { $0.share > 0 }.map {
        ShareRow(
          label: "\(row.series), \(row.load.load), "
            + (row.load.isPredicted ? "predicted" : "measured"), part: $0.part, share: $0.share)
      }
    }
    guard !parts.isEmpty else { return [] }
    return [
      Figure(
        "serving-shares", .stages, "Where a request's time goes",
        caption: "Shares of the time of all requests, from arrival to the last token.",
        axes: .init(x: .init(title: "share of a request's time", zero: true, format: "~%")),
        rows: parts,
        columns: [
          .init("load", "label") { .text($0.label) },
          .init("part", "series") { .text($0.part) },
          .init("share", "value") { .number($0.share) },
        ], groups: \.label)
    ]
  }
}
