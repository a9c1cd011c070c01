import Input
import Store

/// Results of a store as a table for people.
public enum StoredResultTable {
  public static func rendered(
    _ results: [StoredResult], _ style: Table.Style = .plain
  ) throws -> String {
    guard !results.isEmpty else { return "no results" }
    var table = Table([
      ("architecture", .left), ("dtype", .left), ("test", .left), ("batch", .right),
      ("threads", .right), ("tok/s", .right), ("95% interval", .right), ("samples", .right),
      ("of floor", .right), ("commit", .left), ("finished", .left), ("failure", .left),
    ])
    var failed = 0
    for result in results {
      let fields = try result.fields()
      let failure = try fields.object("failure")
      if failure != nil { failed += 1 }
      table.add([
        try fields.string("model_type") ?? "–", try fields.string("type_weights") ?? "–",
        fields.testName, text(try fields.int("n_sequences")), text(try fields.int("n_threads")),
        try fields.double("median_ts").map { Quantity.number($0) } ?? "–", try interval(fields),
        text(try fields.array("samples_ns")?.count),
        try fields.double("floor_fraction").map(Quantity.percent) ?? "–",
        CommitText.brief(try fields.string("build_commit") ?? "–", digits: 9), result.finishedAt,
        try failure.map {
          "\(try $0.string("kind") ?? ""): \(try $0.string("detail")?.prefix(90) ?? "")"
        }
          ?? "",
      ])
    }
    return table.rendered(style) + "\n\n\(results.count - failed) measured, \(failed) failed"
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
