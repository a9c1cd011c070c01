import Foundation
import Input
import Records
import Store

/// Results of a store for other programs.
public enum StoredResultExport {
  /// An array of records, as `dyno bench` prints in JSON; failed ones have `failure`.
  public static func json(_ results: [StoredResult]) -> String {
    results.isEmpty ? "[]" : "[\n" + results.map(line).joined(separator: ",\n") + "\n]"
  }

  /// A record a line.
  public static func jsonLines(_ results: [StoredResult]) -> String {
    results.map(line).joined(separator: "\n")
  }

  /// A record on one line: ours are, those that others put into a store need not be.
  private static func line(_ result: StoredResult) -> String {
    // Outside of strings only, as JSON's strings have no raw line ends.
    let line = String(
      String.UnicodeScalarView(
        result.record.unicodeScalars.map { "\n\r\t".unicodeScalars.contains($0) ? " " : $0 }))
    return RecordText.printable(line)
  }

  private static let llamaBenchKeys: Set<String> = [
    "build_commit", "cpu_info", "model_type", "model_size", "model_n_params", "n_batch",
    "n_threads", "type_k", "type_v", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns",
    "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts",
  ]

  /// The measured results, with the keys of `llama-bench -o json` only.
  public static func llamaBench(_ results: [StoredResult]) throws -> String {
    try RecordText.encode(
      results.filter { $0.status == .measured }.map {
        try $0.fields().fields.filter { llamaBenchKeys.contains($0.key) }
      }, pretty: true)
  }

  /// A row a result, a column for every field of any of them: fields within fields joined by a dot,
  /// lists by spaces.
  public static func csv(_ results: [StoredResult]) throws -> String {
    let rows = try results.map { result in
      var row = FlatTable.row(.object(try result.fields().fields))
      row["status"] = result.status.rawValue
      row["finished_at"] = result.finishedAt
      row["cell"] = result.unit?.cell
      row["block"] = result.unit.map { "\($0.block)" }
      return row
    }
    return FlatTable.csv(
      rows, first: ["status", "finished_at", "cell", "block", "model_type", "type_weights"])
  }
}
