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
        kind: kind, shape: try shape(row, kind), weights: try row.storage("weights"),
        cache: try row.storage("cache"), seconds: try row.seconds("seconds", unit: 1),
        samples: try row.optionalCount("samples") ?? 1, limits: try limits(row),
        origin: try row.optionalText("architecture") ?? "")
    }
  }

  private static func shape(_ row: ImportedRow, _ kind: Operator.Kind) throws -> SizedOperator.Shape
  {
    switch kind {
    case .experts:
      let count = try row.count("experts")
      let distinct = try row.positive("distinct")
      // The average of one token that passes one expert is 1 but for rounding.
      guard (1 - 1e-9...Double(count)).contains(distinct) else {
        throw InputError(
          "distinct", problem: "is \(distinct)", expected: "1 to \(count), as many as experts")
      }
      return .experts(
        ExpertsShape(
          tokens: try row.count("rows"), hiddenSize: try row.count("width"),
          intermediateSize: try row.count("n"), count: count,
          active: try row.count("active", atMost: count), distinct: distinct))
    case .router:
      return .route(
        rows: try row.count("rows"), experts: try row.count("experts"),
        width: try row.count("width"))
    case .latentAttention:
      func part(_ prefix: String) throws -> LatentAttentionShape.Part {
        LatentAttentionShape.Part(
          sequences: try row.sum(prefix + "sequences"), tokens: try row.sum(prefix + "tokens"),
          pairs: try row.sum(prefix + "pairs"), positions: try row.sum(prefix + "positions"))
      }
      return .latentAttention(
        LatentAttentionShape(
          expanded: try part("expanded_"), absorbed: try part(""),
          queryHeads: try row.count("query_heads"), rank: try row.count("rank"),
          plainWidth: try row.count("head_dimension"), rotaryWidth: try row.count("rotary_width"),
          valueWidth: try row.count("value_width")))
    default: break
    }
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
