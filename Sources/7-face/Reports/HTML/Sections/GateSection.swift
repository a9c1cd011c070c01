import Input
import Records

enum GateSection: ReportSection {
  static let id = "gate"
  static let title = "Gate verdicts"
  static let about = """
    Whether a candidate is slower than a baseline: a change counts once its interval leaves no doubt \
    about the threshold.
    """

  private struct Row {
    let label: String
    let slowdown: Double
    let interval: ClosedRange<Double>?
    let verdict: String
    let baseline: Double
    let candidate: Double
    let pValue: Double
    let samples: Int
  }

  private struct RateRow {
    let label: String
    let rate: Double
    let interval: ClosedRange<Double>?
    let count: Int
    let trials: Int
    let machine: String
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let comparisons = try input.map(.comparison) { record in
      (record: record, figure: try verdicts(record.fields))
    }
    let drawn = comparisons.enumerated().map { index, comparison in
      comparison.figure(
        comparisons.count > 1 ? "-\(index + 1)" : "",
        comparisons.count > 1 ? "\(comparison.record.source): " : "")
    }
    return try drawn + errorRates(input)
  }

  /// - Returns: the figure, by an end of its identifier and a beginning of its title.
  private static func verdicts(_ fields: JSONObject) throws -> (String, String) -> Figure {
    let threshold = try fields.number("threshold")
    let (baseline, candidate) = (try side(fields, "baseline"), try side(fields, "candidate"))
    let rows = try fields.parts("cells").map { cell in
      let verdict = try cell.text("verdict")
      guard ComparisonRecord.Verdict(rawValue: verdict) != nil else {
        throw InputError(
          "verdict", problem: "is \"\(verdict)\"",
          expected: ComparisonRecord.Verdict.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return Row(
        label:
          "\(try cell.text("model_type")) \(try cell.text("test")), batch "
          + "\(try cell.count("n_sequences", in: 1...1 << 40)), \(try cell.text("type_weights"))",
        slowdown: try cell.number("slowdown"), interval: try cell.interval("slowdown_interval"),
        verdict: verdict, baseline: try cell.number("baseline_ts"),
        candidate: try cell.number("candidate_ts"), pValue: try cell.number("p_value"),
        samples: try cell.count("samples", in: 0...1 << 40))
    }
    return { suffix, origin in
      Figure(
        "gate-verdicts" + suffix, .intervals, origin + "\(candidate) against \(baseline)",
        caption: """
          Change of the time of each test: to the right the candidate is slower. Dashed lines are the \
          threshold, \(Quantity.percent(threshold)); all intervals hold together with 95%.
          """,
        axes: .init(
          x: .init(
            title: "change of time", format: "+~%", references: [-threshold, 0, threshold])),
        rows: rows,
        columns: [
          .init("test", "label") { .text($0.label) },
          .init("change of time", "value") { .number($0.slowdown) },
          .init("interval from", "low") { .init($0.interval?.lowerBound) },
          .init("interval to", "high") { .init($0.interval?.upperBound) },
          .init("verdict", "series") { .text($0.verdict) },
          .init("change in words", "note") {
            .text("\(Quantity.change($0.slowdown)), \($0.verdict)")
          },
          .init("baseline tok/s") { .number($0.baseline) },
          .init("candidate tok/s") { .number($0.candidate) },
          .init("p") { .number($0.pValue) },
          .init("samples") { .init($0.samples) },
        ], groups: \.label)
    }
  }

  private static func side(_ fields: JSONObject, _ field: String) throws -> String {
    try within(field) {
      let side = try fields.part(field)
      return "\(try side.text("name")) (\(CommitText.brief(try side.text("build_commit"))))"
    }
  }

  private static func errorRates(_ input: ReportInput) throws -> [Figure] {
    let rows = try input.map(.gateErrors) { record in
      let fields = record.fields
      let slowdown = Quantity.percent(try fields.number("injected_slowdown"))
      let machine = try fields.text("cpu_info")
      return try [
        ("false_alarms", "equal sides: any false alarm"),
        ("false_alarms_at_zero", "equal sides: were any change an alarm"),
        ("found", "one test \(slowdown) slower: found"),
      ].map { field, label in
        try within(field) {
          let rate = try fields.part(field)
          let count = try rate.count("count", in: 0...1 << 40)
          let trials = try rate.count("trials", in: 1...1 << 40)
          return RateRow(
            label: label, rate: Double(count) / Double(trials),
            interval: try rate.interval("interval"), count: count, trials: trials, machine: machine)
        }
      }
    }.flatMap { $0 }
    guard !rows.isEmpty else { return [] }
    return [
      Figure(
        "gate-errors", .intervals, "How often the gate errs",
        caption: "Shares of simulated comparisons on one machine, with 95% intervals.",
        axes: .init(x: .init(title: "share of comparisons", zero: true, format: "~%")), rows: rows,
        columns: [
          .init("case", "label") { .text($0.label) },
          .init("machine", "series") { .text($0.machine) },
          .init("share", "value") { .number($0.rate) },
          .init("95% from", "low") { .init($0.interval?.lowerBound) },
          .init("95% to", "high") { .init($0.interval?.upperBound) },
          .init("in words", "note") { .text("\($0.count) of \($0.trials)") },
        ])
    ]
  }
}
