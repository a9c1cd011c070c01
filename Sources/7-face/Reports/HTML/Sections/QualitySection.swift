import Input

enum QualitySection: ReportSection {
  static let id = "quality"
  static let title = "Quality beside speed"
  static let about = """
    What each storage of a model's weights costs in loss, beside what it gains in speed or size.
    """

  private struct Row {
    let model: String
    let weights: String
    let loss: Estimate
    let perplexity: Double
    let bytes: Double
    let bytesPerWeight: Double
    let difference: Estimate?
    let divergence: Estimate?
    let sameTop: Double?
    let prefill: Speed?
    let decode: Speed?
  }

  private struct Estimate {
    let value: Double
    let interval: ClosedRange<Double>?

    init(_ fields: JSONObject) throws {
      value = try fields.number("value")
      interval = try fields.interval("interval95")
    }
  }

  private struct Speed {
    let test: String
    let rate: Double
    let interval: ClosedRange<Double>?

    init(_ fields: JSONObject) throws {
      test = try fields.text("test")
      rate = try fields.number("median_ts")
      interval = try fields.interval("ci95_ts")
    }
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let rows = try input.map(.quality, read)
    guard !rows.isEmpty else { return [] }
    let size = ("size", "size of the matrices, GiB", { (row: Row) in row.bytes / 0x1p30 })
    var figures = [
      loss(rows, size.0, size.1, size.2, { _ in nil })
    ]
    for (id, words, speed) in [
      ("decode", "decode", \Row.decode), ("prefill", "prefill", \Row.prefill),
    ] {
      let timed = rows.filter { $0[keyPath: speed] != nil }
      guard let test = timed.first?[keyPath: speed]?.test else { continue }
      figures.append(
        loss(
          timed, id, "\(words) (\(test)), tokens a second", { $0[keyPath: speed]!.rate },
          { $0[keyPath: speed]!.interval }))
    }
    return figures
  }

  private static func loss(
    _ rows: [Row], _ id: String, _ axis: String, _ value: @escaping (Row) -> Double,
    _ interval: @escaping (Row) -> ClosedRange<Double>?
  ) -> Figure {
    Figure(
      "quality-\(id)", .scatter, "Loss against \(id)",
      caption:
        "Bars are 95% intervals; those of the loss are of the text, which all storages share.",
      axes: .init(x: .init(title: axis), y: .init(title: "loss, nats a token")), rows: rows,
      columns: [
        .init("model", "series") { .text($0.model) },
        .init("weights", "label") { .text($0.weights) },
        .init(axis, "x") { .number(value($0)) },
        .init("speed 95% from", "xLow") { .init(interval($0)?.lowerBound) },
        .init("speed 95% to", "xHigh") { .init(interval($0)?.upperBound) },
        .init("loss, nats a token", "y") { .number($0.loss.value) },
        .init("loss 95% from", "yLow") { .init($0.loss.interval?.lowerBound) },
        .init("loss 95% to", "yHigh") { .init($0.loss.interval?.upperBound) },
        .init("perplexity") { .number($0.perplexity) },
        .init("loss over the reference's") { .init($0.difference?.value) },
        .init("difference 95% from") { .init($0.difference?.interval?.lowerBound) },
        .init("difference 95% to") { .init($0.difference?.interval?.upperBound) },
        .init("mean KL from the reference") { .init($0.divergence?.value) },
        .init("same first token") { .init($0.sameTop) },
        .init("bytes") { .number($0.bytes) },
        .init("bytes a weight") { .number($0.bytesPerWeight) },
      ])
  }

  private static func read(_ record: ReportInput.Record) throws -> Row {
    let fields = record.fields
    let distance = try fields.object("distance")
    let weights = try fields.text("weights")
    return Row(
      model: try fields.text("model"),
      weights: weights == "stored" ? "stored (\(try fields.text("type_weights")))" : weights,
      loss: try Estimate(fields.part("loss")),
      perplexity: try fields.part("perplexity").number("value"),
      bytes: try fields.number("model_bytes"),
      bytesPerWeight: try fields.number("bytes_per_weight"),
      difference: try distance.map { try Estimate($0.part("loss_difference")) },
      divergence: try distance.map { try Estimate($0.part("kl_divergence")) },
      sameTop: try distance.map { try $0.part("top1_agreement").number("value") },
      prefill: try fields.object("prefill").map(Speed.init),
      decode: try fields.object("decode").map(Speed.init))
  }
}
