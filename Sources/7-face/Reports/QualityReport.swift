import Foundation
import Input
import Records

/// What `dyno quality` says of a model's storages.
public enum QualityReport {
  /// Two tables for people: what each storage is and how it predicts, then how far it is from the
  /// reference.
  public static func rendered(
    _ records: [QualityRecord], _ style: Table.Style = .plain
  ) -> String {
    guard let first = records.first else { return "no results" }
    var parts = [summary(records).rendered(style)]
    if records.count > 1 { parts.append(distances(records).rendered(style)) }
    let remarks = remarks(first, records)
    parts.append(
      (style == .markdown ? remarks.map(OutputText.markdown) : remarks).joined(separator: "\n"))
    return parts.joined(separator: "\n\n")
  }

  private static func summary(_ records: [QualityRecord]) -> Table {
    let hasBytes = records[0].bitsPerByte != nil
    let speeds = [records[0].prefill, records[0].decode].compactMap { $0 }
    var columns: [(String, Table.Alignment)] = [
      ("weights", .left), ("size", .right), ("bytes/weight", .right), ("loss", .right),
      ("95% interval", .right), ("perplexity", .right),
    ]
    if hasBytes { columns += [("bits/byte", .right), ("capacity", .right)] }
    columns += speeds.flatMap { speed in
      [("\(speed.test) tok/s", Table.Alignment.right), ("95% interval", .right)]
    }
    var table = Table(
      columns,
      dispensable: [
        "capacity", "bytes/weight", "perplexity", "bits/byte", "95% interval", "size",
      ])
    for record in records {
      var cells = [
        name(record), Quantity.bytes(Double(record.modelBytes)),
        Quantity.number(record.bytesPerWeight, digits: 3), Quantity.number(record.loss.value),
        interval(record.loss), Quantity.number(record.perplexity.value),
      ]
      if hasBytes {
        cells += [
          record.bitsPerByte.map { Quantity.number($0.value) } ?? "–",
          record.informationCapacity.map { Quantity.number($0.value) } ?? "–",
        ]
      }
      for speed in [record.prefill, record.decode].compactMap({ $0 }) {
        cells += [
          Quantity.number(speed.medianTs),
          speed.ci95Ts.map { "\(Quantity.number($0[0])) – \(Quantity.number($0[1]))" } ?? "–",
        ]
      }
      table.add(cells)
    }
    return table
  }

  private static func distances(_ records: [QualityRecord]) -> Table {
    var table = Table(
      [
        ("against \(records[0].reference)", .left), ("loss", .right), ("95% interval", .right),
        ("mean KL", .right), ("95% interval", .right), ("p99 KL", .right), ("largest KL", .right),
        ("same top-1", .right), ("95% interval", .right), ("logits' error", .right),
      ], dispensable: ["largest KL", "logits' error", "p99 KL", "95% interval"])
    for record in records {
      guard let distance = record.distance else { continue }
      table.add([
        name(record), signed(distance.lossDifference.value),
        interval(distance.lossDifference, signed),
        Quantity.number(distance.klDivergence.value, digits: 3),
        interval(distance.klDivergence) { Quantity.number($0, digits: 3) },
        Quantity.number(distance.klP99, digits: 3), Quantity.number(distance.klMax, digits: 3),
        share(distance.top1Agreement.value), interval(distance.top1Agreement, share),
        Quantity.number(distance.logitsRelativeError.value, digits: 2),
      ])
    }
    return table
  }

  /// `stored` says too little.
  private static func name(_ record: QualityRecord) -> String {
    guard record.weights == "stored" else { return record.weights }
    return "stored (\(record.mixesFormats ? "mostly " : "")\(record.typeWeights))"
  }

  private static func signed(_ value: Double) -> String {
    (value > 0 ? "+" : "") + Quantity.number(value, digits: 3)
  }

  private static func share(_ value: Double) -> String { String(format: "%.2f%%", 100 * value) }

  private static func interval(
    _ estimate: QualityRecord.Estimate, _ text: (Double) -> String = { Quantity.number($0) }
  ) -> String {
    estimate.interval95.map { "\(text($0[0])) – \(text($0[1]))" } ?? "–"
  }

  private static func remarks(
    _ record: QualityRecord, _ records: [QualityRecord]
  ) -> [String] {
    let text = record.text
    let documents = text.documents > 1 ? " in \(text.documents) documents" : ""
    var remarks = [
      "\(OutputText.terminal(record.model)); \(text.predictedTokens) of \(text.tokens) tokens"
        + "\(documents) predicted, in \(counted(text.windows, "window")) of at most \(text.context); "
        + "\(record.typeCache) KV cache.",
      record.loss.interval95 == nil
        ? "No intervals: the text gives \(counted(text.blocks, "block")) only."
        : "Loss in nats a token. Intervals: bootstrap of \(text.blocks) blocks of text; differences "
          + "from the reference are paired.",
    ]
    if let bytes = text.bytesPerToken {
      remarks.append(
        "\(Quantity.number(bytes)) bytes of text a token, "
          + "\(Quantity.count(record.flopsPerToken))FLOP a token; capacity: information capacity "
          + "(arXiv 2511.08066).")
    }
    let activations = records.map { "\(name($0)) by \($0.typeActivations)" }
    remarks.append("Multiplied with activations: \(activations.joined(separator: ", ")).")
    if record.prefill != nil {
      remarks.append(
        "tok/s: medians; \(OutputText.terminal(record.cpuInfo)), "
          + "\(counted(record.threads, "thread")).")
    }
    return remarks
  }

  private static func counted(_ count: Int, _ name: String) -> String {
    "\(count) \(name)\(count == 1 ? "" : "s")"
  }

  /// A row a storage; see `FlatTable`.
  public static func csv(_ records: [QualityRecord]) throws -> String {
    let rows = try records.map { record in
      FlatTable.row(try JSONValue(parsing: Data(RecordText.encode(record).utf8)))
    }
    return FlatTable.csv(rows, first: ["model", "weights", "type_weights", "reference"])
  }
}
