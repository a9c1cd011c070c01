import Records

enum FailureSection: ReportSection {
  static let id = "failures"
  static let title = "Tests without a result"
  static let about = "What was tried and failed, with the reason."

  private struct Row {
    let architecture: String
    let test: String
    let batch: Int
    let weights: String
    let kind: String
    let detail: String
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let rows = try input.map(.failure) { record in
      let failure = try record.fields.part("failure")
      return Row(
        architecture: try record.fields.text("model_type"), test: try record.fields.testName(),
        batch: try record.fields.count("n_sequences", in: 1...1 << 40),
        weights: try record.fields.text("type_weights"), kind: try failure.text("kind"),
        detail: try failure.text("detail"))
    }
    guard !rows.isEmpty else { return [] }
    return [
      Figure(
        "failures-list", nil, "Failures", caption: "", rows: rows,
        columns: [
          .init("architecture") { .text($0.architecture) },
          .init("test") { .text($0.test) },
          .init("batch") { .init($0.batch) },
          .init("weights") { .text($0.weights) },
          .init("kind") { .text($0.kind) },
          .init("reason") { .text($0.detail) },
        ])
    ]
  }
}
