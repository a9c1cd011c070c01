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

  /// What `llama-bench` writes of a test, as far as it is ours to say.
  private static let llamaBenchKeys: Set<String> = [
    "build_commit", "cpu_info", "model_size", "model_n_params", "n_batch",
    "n_threads", "type_k", "type_v", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns",
    "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts",
  ]

  /// Of settings that Dyno does not have: as `llama-bench` says that they are not used. Its
  /// `compare-llama-bench.py` refuses records without them: older ones ask for `use_mmap`, that
  /// of llama-cpp-python 0.3.36 for `load_mode` and what stands behind it.
  private static let llamaBenchSettings: [String: JSONValue] = [
    "backends": .string("Dyno"), "gpu_info": .string(""), "n_gpu_layers": .integer(0),
    "split_mode": .string("none"), "main_gpu": .integer(0), "tensor_split": .string("0.00"),
    "tensor_buft_overrides": .string("none"), "no_kv_offload": .bool(true),
    "no_op_offload": .integer(1), "use_mmap": .bool(false), "embeddings": .bool(false),
    "flash_attn": .bool(true), "cpu_mask": .string("0x0"), "cpu_strict": .bool(true),
    "poll": .integer(100), "build_number": .integer(0), "load_mode": .string("none"),
    "n_cpu_moe": .integer(0), "fit_target": .integer(0), "fit_min_ctx": .integer(0),
  ]

  /// The measured results, with the keys of `llama-bench -o json` only. It has no key for the weights' storage
  /// nor for several sequences: both are part of `model_type`, by which its tables tell models apart.
  public static func llamaBench(_ results: [StoredResult]) throws -> String {
    try RecordText.encode(
      results.filter { $0.status == .measured }.map { result -> [String: JSONValue] in
        let fields = try result.fields()
        let model = try fields.string("model_type") ?? "unknown"
        let sequences = try fields.int("n_sequences") ?? 1
        var name = model
        if let weights = try fields.string("type_weights") { name += " \(weights)" }
        if sequences > 1 { name += ", \(sequences) sequences" }
        var own = fields.fields.filter { llamaBenchKeys.contains($0.key) }
        own["model_type"] = .string(name)
        own["model_filename"] = .string(model)
        own["n_ubatch"] = own["n_batch"]
        return own.merging(llamaBenchSettings) { mine, _ in mine }
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
