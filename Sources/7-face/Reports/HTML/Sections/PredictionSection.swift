enum PredictionSection: ReportSection {
  static let id = "predictions"
  static let title = "Predictions"
  static let about = """
    What the cost model expects of batches of whole requests on a device, with 90% intervals.
    """

  private struct Row {
    let run: PredictedRun
    let series: String
  }

  private struct PartRow {
    let label: String
    let part: PredictedRun.Part
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let runs = try input.map(.prediction, PredictedRun.init)
    guard !runs.isEmpty else { return [] }
    let rows = zip(SeriesNames.shortest(runs.map(\.subject)), runs).map { Row(run: $1, series: $0) }
    let quantities:
      [(id: String, title: String, axis: String, value: (PredictedRun) -> PredictedRun.Predicted)] =
        [
          (
            "throughput", "Predicted output throughput over batch", "output tokens a second",
            \.outputRate
          ),
          ("ttft", "Predicted time to the first token over batch", "TTFT, seconds", \.firstToken),
          ("tpot", "Predicted time per output token over batch", "TPOT, seconds", \.outputToken),
        ]
    return quantities.map { quantity in
      Figure(
        "predictions-\(quantity.id)", .lines, quantity.title,
        caption: "Points are predictions, bands their 90% intervals.",
        axes: .init(
          x: .counts("sequences at once", runs.map { Double($0.batch) }),
          y: .magnitudes(quantity.axis, runs.map { quantity.value($0).value })),
        rows: rows,
        columns: [
          .init("series", "series") { .text($0.series) },
          .init("predicted", "predicted") { _ in .flag(true) },
          .init("batch", "x") { .init($0.run.batch) },
          .init(quantity.axis, "y") { .number(quantity.value($0.run).value) },
          .init("90% from", "low") { .init(quantity.value($0.run).interval?.lowerBound) },
          .init("90% to", "high") { .init(quantity.value($0.run).interval?.upperBound) },
          .init("device") { .text($0.run.device) },
          .init("engine") { .text($0.run.engine) },
          .init("memory, bytes") { .number($0.run.peakMemoryBytes) },
          .init("operators rest on") { .text($0.run.evidence) },
        ], groups: \.series)
    } + breakdown(runs)
  }

  private static func breakdown(_ runs: [PredictedRun]) -> [Figure] {
    let detailed = runs.filter { !$0.parts.isEmpty }
    guard !detailed.isEmpty else { return [] }
    let labels = SeriesNames.shortest(detailed.map { $0.subject + ["batch \($0.batch)"] })
    let rows = zip(labels, detailed).flatMap { label, run in
      run.parts.map { PartRow(label: label, part: $0) }
    }
    return [
      Figure(
        "predictions-operators", .stages, "Predicted time by kind of operator",
        caption: "Without the host's work and sums over devices.",
        axes: .init(x: .init(title: "seconds", zero: true)), rows: rows,
        columns: [
          .init("workload", "label") { .text($0.label) },
          .init("operator", "series") { .text($0.part.kind) },
          .init("seconds", "value") { .number($0.part.seconds) },
          .init("bound by") { .text($0.part.bound) },
        ], groups: \.label)
    ]
  }
}
