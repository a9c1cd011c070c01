import Formats
import Input
import Model
import Records

/// Kernel timings in the columns of ai-dynamo/aiconfigurator: GEMM, attention, experts and latent
/// attention, told apart by `op_name`; `latency` is in milliseconds.
public enum AIConfiguratorTable {
  public static func recognizes(_ columns: [String]) -> Bool {
    columns.contains("op_name") && columns.contains("latency") && columns.contains("framework")
  }

  /// Whether a table's rows are of several devices together.
  public static func isOfCollectives(_ columns: [String]) -> Bool {
    columns.contains("num_gpus") && columns.contains("message_size")
  }

  /// Reads a table of collectives: `custom_allreduce` (an engine's choice) or `nccl`. `message_size`
  /// counts elements of the whole tensor.
  public static func collectives(_ table: DelimitedText) throws -> ImportedRows<CollectiveTiming> {
    let isEngines = table.columns.contains("allreduce_dtype")
    let dtypeColumn = isEngines ? "allreduce_dtype" : "nccl_dtype"
    return try ImportedRows(
      table, requiring: ["device", "op_name", dtypeColumn, "num_gpus", "message_size", "latency"]
    ) { row in
      let name = try row.text("op_name")
      guard let operation = CollectiveShape.Operation(rawValue: name) else {
        throw InputError(
          "op_name", problem: "\"\(name.prefix(40))\" is not modelled",
          expected: CollectiveShape.Operation.allCases.map(\.rawValue).joined(separator: ", "))
      }
      let elements = try row.count("message_size", atMost: 1 << 36)
      let devices = try row.count("num_gpus", atMost: 1024)
      guard devices > 1 else {
        throw InputError("num_gpus", problem: "is 1", expected: "2 or more")
      }
      let backend = try row.optionalText("backend") ?? row.optionalText("kernel_source") ?? ""
      return CollectiveTiming(
        device: try row.text("device"),
        shape: CollectiveShape(
          operation, bytes: Double(elements) * (try row.storage(dtypeColumn)).bytesPerElement,
          devices: devices, isEager: backend.hasSuffix("eager")),
        isEngines: isEngines, seconds: try row.seconds("latency", unit: 1e-3),
        origin: "row \(row.line)")
    }
  }

  /// Reads a table. Rows of operators that Dyno does not model are refused.
  public static func rows(_ table: DelimitedText) throws -> ImportedRows<OperatorTiming> {
    var routing = BenchmarkRouting()
    return try ImportedRows(table, requiring: ["framework", "device", "op_name", "latency"]) {
      row in
      let operation = try row.text("op_name")
      let shape: SizedOperator.Shape
      let weights: NumberStorage
      var cache = NumberStorage.bf16
      var placement: ExpertPlacement?
      var kind: Operator.Kind? = .attention
      switch operation {
      case "gemm":
        shape = .gemm(m: try row.count("m"), n: try row.count("n"), k: try row.count("k"))
        weights = try row.storage("gemm_dtype")
        cache = weights
        kind = nil
      case "context_attention":
        shape = try attention(row, cached: 0, new: try row.count("isl"))
        weights = try row.storage("attn_dtype")
        cache = try row.storage("kv_cache_dtype")
      case "generation_attention":
        // The new token attends to itself and to isl + step - 1 cached positions.
        let context = try row.count("isl") + row.count("step")
        shape = try attention(row, cached: context - 1, new: 1)
        weights = try row.storage("attn_dtype")
        cache = try row.storage("kv_cache_dtype")
      case "moe":
        weights = try row.storage("moe_dtype")
        kind = .experts
        (shape, placement) = try experts(row, &routing)
      case "context_mla", "generation_mla":
        weights = try row.storage("mla_dtype")
        cache = try row.storage("kv_cache_dtype")
        guard !cache.isOfMatricesOnly, !weights.isOfMatricesOnly else {
          throw InputError(
            cache.isOfMatricesOnly ? "kv_cache_dtype" : "mla_dtype",
            problem: "\(cache.isOfMatricesOnly ? cache : weights) latent attention is not modelled",
            expected: "bfloat16")
        }
        kind = .latentAttention
        let isPrefill = operation == "context_mla"
        // As with attention: the new token is one of isl + step.
        let context = try row.count("isl") + (isPrefill ? 0 : row.count("step"))
        shape = try latentAttention(row, cached: isPrefill ? 0 : context - 1, context: context)
      default:
        throw InputError(
          "op_name", problem: "\"\(operation.prefix(40))\" is not modelled",
          expected: "gemm, moe, context_attention, generation_attention, context_mla or "
            + "generation_mla")
      }
      return OperatorTiming(
        device: try row.text("device"), engine: try row.text("framework").lowercased(),
        kind: kind, shape: shape, placement: placement, weights: weights, cache: cache,
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

  private static func experts(
    _ row: ImportedRow, _ routing: inout BenchmarkRouting
  ) throws -> (SizedOperator.Shape, ExpertPlacement) {
    let (tokens, hidden) = (
      try row.count("num_tokens", atMost: 1 << 20), try row.count("hidden_size")
    )
    let (intermediate, columnParts) = (try row.count("inter_size"), try row.count("moe_tp_size"))
    let (count, active) = (
      try row.count("num_experts", atMost: 1 << 12), try row.count("topk", atMost: 1 << 8)
    )
    let expertParts = try row.count("moe_ep_size")
    func require(_ holds: Bool, _ column: String, _ problem: String, _ expected: String) throws {
      if !holds { throw InputError(column, problem: problem, expected: expected) }
    }
    try require(
      active <= count, "topk", "is \(active) of \(count) experts", "no more than there are")
    try require(
      tokens * active <= 1 << 24, "topk", "is \(active) for \(tokens) tokens",
      "at most \(1 << 24) rows")
    try require(
      count % expertParts == 0, "moe_ep_size", "\(expertParts) does not divide \(count) experts",
      "a divisor")
    try require(
      intermediate % columnParts == 0, "moe_tp_size",
      "\(columnParts) does not divide the intermediate size \(intermediate)", "a divisor")
    let routed = routing.rows(
      BenchmarkRouting.Sizes(
        tokens: tokens, count: count, active: active, devices: expertParts,
        distribution: try BenchmarkRouting.Distribution(row.text("distribution"))))
    return (
      .experts(
        ExpertsShape(
          tokens: tokens, hiddenSize: hidden, intermediateSize: intermediate / columnParts,
          count: count, active: active, distinct: routed.distinct)),
      ExpertPlacement(expertParts: expertParts, columnParts: columnParts, routed: routed)
    )
  }

  /// DeepSeek's sizes (arXiv 2412.19437), which the tables do not name; `num_heads` are one device's.
  private static func latentAttention(
    _ row: ImportedRow, cached: Int, context: Int
  ) throws -> SizedOperator.Shape {
    let batch = try row.count("batch_size")
    let new = context - cached
    try WholeRun.requireSane(depth: cached, prompt: new, generate: 0, batch: batch)
    let part = LatentAttentionShape.Part(
      sequences: batch, tokens: batch * new,
      pairs: batch * Step.Sequence(cached: cached, new: new).visiblePairs(window: nil),
      positions: batch * context)
    return .latentAttention(
      LatentAttentionShape(
        expanded: new > 1 ? part : .init(), absorbed: new > 1 ? .init() : part,
        queryHeads: try row.count("num_heads"), rank: 512, plainWidth: 128, rotaryWidth: 64,
        valueWidth: 128))
  }
}
