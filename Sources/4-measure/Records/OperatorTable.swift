import Architectures
import Foundation
import Operators

/// Operator timings as comma-separated values, one row an operator, written by `dyno bench
/// --operators`. Cells that a shape does not have are empty.
public enum OperatorTable {
  static let columns = [
    "device", "engine", "operator", "architecture", "weights", "cache", "m", "n", "k", "rows",
    "width", "stored", "sequences", "tokens", "pairs", "positions", "query_heads",
    "key_value_heads", "head_dimension", "seconds", "samples", "threads", "instruction_set",
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

  /// Reads what `text` wrote. Rows that cannot be used are left out and named.
  public static func rows(
    _ table: DelimitedText, _ facts: RunFacts = RunFacts()
  ) throws -> ImportedRows<OperatorTiming> {
    try ImportedRows(table, requiring: ["device", "operator", "weights", "cache", "seconds"]) {
      row in
      let kindName = try row.text("operator")
      guard let kind = Operator.Kind(rawValue: kindName) else {
        throw InputError(
          "operator", problem: "\"\(kindName.prefix(40))\" is not known",
          expected: Operator.Kind.allCases.map(\.rawValue).joined(separator: ", "))
      }
      let engine = try row.optionalText("engine") ?? "dyno"
      if engine == "dyno" { try facts.requireDevice(.cpu) }
      return OperatorTiming(
        device: try row.text("device"), engine: engine,
        kind: kind, shape: try shape(row, kind), weights: try row.dtype("weights"),
        cache: try row.dtype("cache"), seconds: try row.seconds("seconds", unit: 1),
        samples: try row.optionalCount("samples") ?? 1, limits: try limits(row),
        origin: try row.optionalText("architecture") ?? "")
    }
  }

  private static func shape(_ row: ImportedRow, _ kind: Operator.Kind) throws -> SizedOperator.Shape
  {
    if try row.optionalText("m") != nil {
      return .gemm(m: try row.count("m"), n: try row.count("n"), k: try row.count("k"))
    }
    if try row.optionalText("width") != nil {
      return .rows(
        try row.count("rows"), width: try row.count("width"),
        stored: kind == .rotaryAndCacheWrite ? try row.count("stored") : 0)
    }
    return .attention(
      AttentionShape(
        sequences: try row.count("sequences"), tokens: try row.count("tokens"),
        pairs: try row.total("pairs"), positions: try row.total("positions"),
        queryHeads: try row.count("query_heads"),
        keyValueHeads: try row.count("key_value_heads"),
        headDimension: try row.count("head_dimension")))
  }

  private static func limits(_ row: ImportedRow) throws -> MachineLimits? {
    guard try row.optionalText("read_bandwidth") != nil else { return nil }
    return MachineLimits(
      threads: try row.count("threads"),
      instructionSet: try row.optionalText("instruction_set") ?? "unknown",
      readBandwidth: try row.positive("read_bandwidth"),
      multiplyAddPeak: try row.positive("multiply_add_peak"),
      integerPeak: try row.optionalText("integer_peak") == nil ? nil : row.positive("integer_peak"),
      bf16Peak: try row.optionalText("bf16_peak") == nil ? nil : row.positive("bf16_peak"),
      bestGEMM: 0, samples: 1)
  }
}
