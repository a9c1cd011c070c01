enum WorkloadSection: ReportSection {
  static let id = "workloads"
  static let title = "Whole requests"
  static let about = """
    Where the time of whole requests goes: reading all prompts, which makes each sequence's first \
    token, then making the others.
    """

  private struct Row {
    let label: String
    let part: String
    let seconds: Double
    let test: MeasuredTest
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let tests = try MeasuredTest.latest(input).filter { $0.workload != nil }
    let labels = SeriesNames.shortest(tests.map { $0.subject + [$0.name, "batch \($0.batch)"] })
    let rows = zip(labels, tests).flatMap { label, test in
      [
        Row(label: label, part: "prompts", seconds: test.workload!.prefillSeconds, test: test),
        Row(label: label, part: "generation", seconds: test.workload!.decodeSeconds, test: test),
      ]
    }
    guard !rows.isEmpty else { return [] }
    return [
      Figure(
        "workloads-parts", .stages, "Time of whole requests", caption: "Medians over samples.",
        axes: .init(x: .init(title: "seconds", zero: true)), rows: rows,
        columns: [
          .init("workload", "label") { .text($0.label) },
          .init("part", "series") { .text($0.part) },
          .init("seconds", "value") { .number($0.seconds) },
          .init("test") { .text($0.test.name) },
          .init("batch") { .init($0.test.batch) },
          .init("tok/s") { .number($0.test.rate) },
          .init("seconds a token") { .init($0.test.workload?.secondsPerToken) },
        ], groups: \.label)
    ]
  }
}
