import Formats
import Input
import Machine
import Model
import Records

extension OperatorTable {
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
