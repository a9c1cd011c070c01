import Input
import Store

/// Results of a store as a table for people.
public enum StoredResultTable {
  public static func rendered(
    _ results: [StoredResult], _ style: Table.Style = .plain
  ) throws -> String {
    guard !results.isEmpty else { return "no results" }
    let failures = try results.map { try $0.fields().object("failure") }
    let failed = failures.count { $0 != nil }
    var columns: [(String, Table.Alignment)] = [
      ("architecture", .left), ("dtype", .left), ("test", .left), ("batch", .right),
      ("tok/s", .right), ("95% interval", .right), ("of floor", .right), ("commit", .left),
      ("samples", .right), ("threads", .right), ("finished", .left),
    ]
    // Beside what failed, where it is read first.
    let place = 4
    if failed > 0 { columns.insert(("failure", .left), at: place) }
    var table = Table(columns)
    for (result, failure) in zip(results, failures) {
      let fields = try result.fields()
      var cells = [
        try fields.string("model_type") ?? "–", try fields.string("type_weights") ?? "–",
        try fields.testName(), text(try fields.int("n_sequences")),
        try fields.double("median_ts").map { Quantity.number($0) } ?? "–", try interval(fields),
        try fields.double("floor_fraction").map(Quantity.percent) ?? "–",
        CommitText.brief(try fields.string("build_commit") ?? "–", digits: 9),
        text(try fields.array("samples_ns")?.count), text(try fields.int("n_threads")),
        result.finishedAt,
      ]
      if failed > 0 {
        let reason = try failure.map {
          "\(try $0.string("kind") ?? ""): \(try $0.string("detail")?.prefix(90) ?? "")"
        }
        cells.insert(reason ?? "", at: place)
      }
      table.add(cells)
    }
    return table.rendered(style) + "\n\n\(results.count - failed) measured, \(failed) failed"
  }

  /// Tokens a second over the values of one field.
  public static func rendered(_ pivot: ResultPivot, _ style: Table.Style = .plain) -> String {
    guard !pivot.rows.isEmpty else { return "no results" }
    var table = Table(
      pivot.fields.map { ($0.rawValue, .left) }
        + pivot.values.map { ("\(pivot.pivot.rawValue) \($0)", .right) })
    for row in pivot.rows {
      table.add(row.labels + row.rates.map { $0.map { Quantity.number($0) } ?? "–" })
    }
    return table.rendered(style) + "\n\ntok/s: median of all samples, all sequences together."
  }

  private static func text(_ count: Int?) -> String { count.map { "\($0)" } ?? "–" }

  private static func interval(_ fields: JSONObject) throws -> String {
    guard let ends = try fields.array("ci95_ts"), ends.count == 2, let low = number(ends[0]),
      let high = number(ends[1])
    else { return "–" }
    return "\(Quantity.number(low)) – \(Quantity.number(high))"
  }

  private static func number(_ value: JSONValue) -> Double? {
    switch value {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    default: nil
    }
  }
}
