import Formats
import Input
import Model
import Records

/// Kernel timings in the columns of ai-dynamo/aiconfigurator: GEMM, prefill attention and decode
/// attention, told apart by `op_name`; `latency` is in milliseconds.
public enum AIConfiguratorTable {
  public static func recognizes(_ columns: [String]) -> Bool {
    columns.contains("op_name") && columns.contains("latency") && columns.contains("framework")
  }

  /// Reads a table. Rows of operators that Dyno does not model (mixture of experts) are refused.
  public static func rows(_ table: DelimitedText) throws -> ImportedRows<OperatorTiming> {
    try ImportedRows(table, requiring: ["framework", "device", "op_name", "latency"]) { row in
      let operation = try row.text("op_name")
      let shape: SizedOperator.Shape
      let weights: DType
      var cache = DType.bf16
      switch operation {
      case "gemm":
        shape = .gemm(m: try row.count("m"), n: try row.count("n"), k: try row.count("k"))
        weights = try row.dtype("gemm_dtype")
        cache = weights
      case "context_attention":
        shape = try attention(row, cached: 0, new: try row.count("isl"))
        weights = try row.dtype("attn_dtype")
        cache = try row.dtype("kv_cache_dtype")
      case "generation_attention":
        // The new token attends to itself and to isl + step - 1 cached positions.
        let context = try row.count("isl") + row.count("step")
        shape = try attention(row, cached: context - 1, new: 1)
        weights = try row.dtype("attn_dtype")
        cache = try row.dtype("kv_cache_dtype")
      default:
        throw InputError(
          "op_name", problem: "\"\(operation.prefix(40))\" is not modelled",
          expected: "gemm, context_attention or generation_attention")
      }
      return OperatorTiming(
        device: try row.text("device"), engine: try row.text("framework").lowercased(),
        kind: operation == "gemm" ? nil : .attention, shape: shape, weights: weights, cache: cache,
        seconds: try row.seconds("latency", unit: 1e-3), isRepeated: true,
        origin: "row \(row.line)")
    }
  }

  private static func attention(
    _ row: ImportedRow, cached: Int, new: Int
  ) throws -> SizedOperator.Shape {
    let queryHeads = try row.count("num_heads")
    let keyValueHeads = try row.count("num_key_value_heads")
    guard queryHeads % keyValueHeads == 0 else {
      throw InputError(
        "num_key_value_heads", problem: "\(keyValueHeads) does not divide \(queryHeads) heads",
        expected: "a divisor")
    }
    let batch = try row.count("batch_size")
    try WholeRun.requireSane(depth: cached, prompt: new, generate: 0, batch: batch)
    return .attention(
      AttentionShape(
        batch: batch, cached: cached, new: new, queryHeads: queryHeads,
        keyValueHeads: keyValueHeads, headDimension: try row.count("head_dim")))
  }
}
