import Input

enum CalibrationSection: ReportSection {
  static let id = "calibration"
  static let title = "Calibration"
  static let about = """
    How far the cost model is off on rows that its fit has not seen, by what it rests on: the \
    datasheet, another device, or this device's own timings.
    """

  private struct Row {
    let label: String
    let rung: String
    let median: Double
    let mean: Double
    let percentile90: Double
    let coverage: Double?
    let rows: Int
    let fittedRows: Int
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let several = input.of(.calibration).count > 1
    let rows = try input.map(.calibration) { record in
      let device = try record.fields.text("device")
      return try record.fields.parts("ladder").map { step in
        Row(
          label: (several ? "\(device): " : "")
            + "\(try step.text("family")) \(try step.text("variant"))",
          rung: try step.text("rung"), median: try step.number("median"),
          mean: try step.number("mean"), percentile90: try step.number("percentile90"),
          coverage: try step.double("coverage90"), rows: try step.count("rows", in: 0...1 << 40),
          fittedRows: try step.count("fitted_rows", in: 0...1 << 40))
      }
    }.flatMap { $0 }
    guard !rows.isEmpty else { return [] }
    return [
      Figure(
        "calibration-errors", .intervals, "Error on held-out rows, predicted against measured",
        caption: """
          Dots are means of |predicted / measured − 1|; bars run from the median to the 90th percentile.
          """,
        axes: .init(x: .init(title: "error", zero: true, format: "~%")), rows: rows,
        columns: [
          .init("family", "label") { .text($0.label) },
          .init("rests on", "series") { .text($0.rung) },
          .init("mean error", "value") { .number($0.mean) },
          .init("median error", "low") { .number($0.median) },
          .init("90th percentile", "high") { .number($0.percentile90) },
          .init("inside 90% intervals") { .init($0.coverage) },
          .init("in words", "note") {
            .text(
              Quantity.percent($0.mean)
                + ($0.coverage.map { ", \(Quantity.percent($0)) inside" } ?? ""))
          },
          .init("rows") { .init($0.rows) },
          .init("fitted rows") { .init($0.fittedRows) },
        ], groups: \.label)
    ]
  }
}
