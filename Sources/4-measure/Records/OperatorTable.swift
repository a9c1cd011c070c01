import Foundation
import Input
import Machine
import Model

/// Operator timings as comma-separated values, one row an operator, written by `dyno bench`. Cells
/// that a shape does not have are empty.
public enum OperatorTable {
  static let columns = [
    "device", "engine", "operator", "architecture", "weights", "cache", "m", "n", "k", "rows",
    "width", "stored", "sequences", "tokens", "pairs", "positions", "query_heads",
    "key_value_heads", "head_dimension", "experts", "active", "distinct", "expanded_sequences",
    "expanded_tokens", "expanded_pairs", "expanded_positions", "rank", "rotary_width",
    "value_width", "seconds", "samples", "threads", "instruction_set",
    "read_bandwidth",
    "multiply_add_peak", "integer_peak", "bf16_peak",
  ]

  public static func text(_ timings: [OperatorTiming]) -> String {
    ([columns] + timings.map(cells)).map { $0.map(DelimitedText.quoted).joined(separator: ",") }
      .joined(separator: "\n") + "\n"
  }

  private static func cells(_ timing: OperatorTiming) -> [String] {
    var named = [
      "device": timing.device, "engine": timing.engine,
      "operator": timing.kind?.rawValue ?? "", "architecture": timing.origin,
      "weights": timing.weights.rawValue, "cache": timing.cache.rawValue,
      "seconds": "\(timing.seconds)", "samples": "\(timing.samples)",
    ]
    switch timing.shape {
    case .gemm(let m, let n, let k): named.merge(["m": "\(m)", "n": "\(n)", "k": "\(k)"]) { $1 }
    case .rows(let rows, let width, let stored):
      named.merge(["rows": "\(rows)", "width": "\(width)", "stored": "\(stored)"]) { $1 }
    case .attention(let shape):
      named.merge([
        "sequences": "\(shape.sequences)", "tokens": "\(shape.tokens)", "pairs": "\(shape.pairs)",
        "positions": "\(shape.positions)", "query_heads": "\(shape.queryHeads)",
        "key_value_heads": "\(shape.keyValueHeads)", "head_dimension": "\(shape.headDimension)",
      ]) { $1 }
    case .latentAttention(let shape):
      let (absorbed, expanded) = (shape.absorbed, shape.expanded)
      named.merge([
        "sequences": "\(absorbed.sequences)", "tokens": "\(absorbed.tokens)",
        "pairs": "\(absorbed.pairs)", "positions": "\(absorbed.positions)",
        "expanded_sequences": "\(expanded.sequences)", "expanded_tokens": "\(expanded.tokens)",
        "expanded_pairs": "\(expanded.pairs)", "expanded_positions": "\(expanded.positions)",
        "query_heads": "\(shape.queryHeads)", "rank": "\(shape.rank)",
        "head_dimension": "\(shape.plainWidth)", "rotary_width": "\(shape.rotaryWidth)",
        "value_width": "\(shape.valueWidth)",
      ]) { $1 }
    case .route(let rows, let experts, let width):
      named.merge(["rows": "\(rows)", "experts": "\(experts)", "width": "\(width)"]) { $1 }
    case .experts(let shape):
      named.merge([
        "rows": "\(shape.tokens)", "width": "\(shape.hiddenSize)",
        "n": "\(shape.intermediateSize)", "experts": "\(shape.count)",
        "active": "\(shape.active)", "distinct": "\(shape.distinct)",
      ]) { $1 }
    }
    if let limits = timing.limits {
      named.merge([
        "threads": "\(limits.threads)", "instruction_set": limits.instructionSet,
        "read_bandwidth": "\(limits.readBandwidth)",
        "multiply_add_peak": "\(limits.multiplyAddPeak)",
        "integer_peak": limits.integerPeak.map { "\($0)" } ?? "",
        "bf16_peak": limits.bf16Peak.map { "\($0)" } ?? "",
      ]) { $1 }
    }
    return columns.map { named[$0] ?? "" }
  }
}
