import Input

/// The largest sizes that are read: products of them fit in 63 bits.
enum Limits {
  static let hiddenSize = 1 << 18
  static let intermediateSize = 1 << 20
  static let layers = 4096
  static let heads = 1 << 14
  static let headDimension = 4096
  static let queryWidth = 1 << 20
  static let vocabulary = 1 << 24
  static let positions = 1 << 30
  static let experts = 1 << 14
}

func checkSize(_ field: String, _ value: Int, atMost limit: Int) throws {
  guard (1...limit).contains(value) else {
    throw InputError(field, problem: "is \(value)", expected: "1 to \(limit)")
  }
}

/// Checks a factor that the engine keeps in f32.
private func checkFactor(_ field: String, _ value: Double, above floor: Double) throws {
  guard value.isFinite, value > floor, Float(value).isFinite, Float(value) > Float(floor) else {
    throw InputError(
      field, problem: "is \(value)",
      expected: "a number above \(floor) that 32-bit floats hold")
  }
}

extension Architecture {
  /// Counts of layers that are read: checked before a list of so many is made.
  public static let layerCounts = 1...Limits.layers

  /// Checks what every consumer relies on: positive sizes of a plausible magnitude, heads that divide,
  /// factors that are finite in f32.
  ///
  /// Errors name the fields as `config.json` spells them.
  public func validated() throws -> Architecture {
    try checkSize("hidden_size", hiddenSize, atMost: Limits.hiddenSize)
    try checkSize("num_hidden_layers", layers.count, atMost: Limits.layers)
    try checkSize("vocab_size", vocabularySize, atMost: Limits.vocabulary)
    try checkSize("max_position_embeddings", maxPositions, atMost: Limits.positions)
    if learnedPositions > 0 {
      try checkSize("n_positions", learnedPositions, atMost: Limits.positions)
    }
    try checkFactor("embedding scale", embeddingScale, above: 0)
    try checkFactor("logit scale", logitScale, above: 0)
    if let logitSoftcap { try checkFactor("final_logit_softcapping", logitSoftcap, above: 0) }
    try finalNorm.check()
    for layer in layers.kinds { try layer.check(rotaries) }
    for rotary in rotaries { try rotary.check() }
    return self
  }

  /// Refuses sequences of more positions than there are learned embeddings for.
  public func check(positions: Int) throws {
    guard holds(positions: positions) else {
      throw InputError(
        name, problem: "has embeddings for \(learnedPositions) positions",
        expected: "at most so many, not \(positions)")
    }
  }

  /// Whether a sequence can have so many positions; only learned embeddings limit them.
  public func holds(positions: Int) -> Bool {
    learnedPositions == 0 || positions <= learnedPositions
  }
}

extension Layer {
  fileprivate func check(_ rotaries: [RotaryEmbedding]) throws {
    try checkFactor("residual_multiplier", residualScale, above: 0)
    if let mlp {
      try checkSize("intermediate_size", mlp.intermediateSize, atMost: Limits.intermediateSize)
      try mlp.inputNorm?.check()
      try mlp.outputNorm?.check()
    }
    try experts?.check()
    try latentAttention?.check()
    try attention?.check()
    if let rotary = attention?.rotary ?? latentAttention?.rotary {
      precondition(rotaries.indices.contains(rotary.table), "a layer's rotation is not listed")
      if case .longrope(let short, let long, _, _) = rotaries[rotary.table].scaling,
        let other = [short.count, long.count].first(where: { $0 != rotary.dimensions / 2 })
      {
        throw InputError(
          "rope_scaling", "short_factor, long_factor", problem: "have \(other) entries",
          expected: "one a turned pair of each layer, \(rotary.dimensions / 2)")
      }
    }
  }
}

extension Attention {
  fileprivate func check() throws {
    try checkSize("num_attention_heads", queryHeads, atMost: Limits.heads)
    try checkSize("num_key_value_heads", keyValueHeads, atMost: Limits.heads)
    try checkSize("head_dim", headDimension, atMost: Limits.headDimension)
    try checkSize("num_attention_heads × head_dim", queryWidth, atMost: Limits.queryWidth)
    if let window { try checkSize("sliding_window", window, atMost: Limits.positions) }
    if let chunk { try checkSize("attention_chunk_size", chunk, atMost: Limits.positions) }
    guard queryHeads % keyValueHeads == 0 else {
      throw InputError(
        "num_key_value_heads",
        problem: "\(keyValueHeads) does not divide num_attention_heads \(queryHeads)",
        expected: "a divisor of \(queryHeads)")
    }
    if let rotary {
      guard rotary.dimensions % 2 == 0, rotary.dimensions >= 2, rotary.dimensions <= headDimension
      else {
        throw InputError(
          rotary.dimensions == headDimension ? "head_dim" : "partial_rotary_factor",
          problem: "turns \(rotary.dimensions) of \(headDimension) elements of a head",
          expected: "an even number (rotary embedding turns pairs)")
      }
    }
    if let scale { try checkFactor("attention scale", scale, above: 0) }
    if let softcap { try checkFactor("attn_logit_softcapping", softcap, above: 0) }
    if let temperature {
      try checkFactor("llama_4_scaling_beta", temperature.beta, above: 0)
      try checkSize(
        "original_max_position_embeddings", temperature.positions, atMost: Limits.positions)
    }
    for norm in [inputNorm, outputNorm, queryKeyNorm?.norm] { try norm?.check() }
  }
}

extension LatentAttention {
  fileprivate func check() throws {
    try checkSize("num_attention_heads", queryHeads, atMost: Limits.heads)
    if let queryRank { try checkSize("q_lora_rank", queryRank, atMost: Limits.hiddenSize) }
    try checkSize("kv_lora_rank", rank, atMost: Limits.hiddenSize)
    try checkSize("qk_nope_head_dim", plainWidth, atMost: Limits.headDimension)
    try checkSize("qk_rope_head_dim", rotaryWidth, atMost: Limits.headDimension)
    try checkSize("v_head_dim", valueWidth, atMost: Limits.headDimension)
    try checkSize("num_attention_heads × head widths", queryWidth, atMost: Limits.queryWidth)
    try checkSize("num_attention_heads × v_head_dim", outputWidth, atMost: Limits.queryWidth)
    guard rotaryWidth % 2 == 0, rotary.dimensions == rotaryWidth else {
      throw InputError(
        "qk_rope_head_dim", problem: "turns \(rotary.dimensions) of \(rotaryWidth) elements",
        expected: "an even number, all of them")
    }
    if let scale { try checkFactor("attention scale", scale, above: 0) }
    for norm in [inputNorm, outputNorm, latentNorm] { try norm?.check() }
  }
}

extension Experts {
  fileprivate func check() throws {
    try checkSize("num_experts", count, atMost: Limits.experts)
    try checkSize("num_experts_per_tok", active, atMost: count)
    try checkSize("moe_intermediate_size", intermediateSize, atMost: Limits.intermediateSize)
    if let shared {
      try checkSize(
        "shared_expert_intermediate_size", shared.intermediateSize, atMost: Limits.intermediateSize)
    }
    try checkFactor("routed_scaling_factor", router.scale, above: 0)
    if let groups = router.groups {
      try checkSize("n_group", groups.count, atMost: count)
      try checkSize("topk_group", groups.active, atMost: groups.count)
      guard count % groups.count == 0, groups.best <= count / groups.count else {
        throw InputError(
          "n_group", problem: "\(groups.count) groups of \(count) experts",
          expected: "a divisor that leaves each group \(groups.best) or more")
      }
      guard active <= groups.active * (count / groups.count) else {
        throw InputError(
          "topk_group", problem: "\(groups.active) groups hold fewer than \(active) experts",
          expected: "enough for num_experts_per_tok")
      }
    }
    for norm in [inputNorm, outputNorm] { try norm?.check() }
  }
}

extension Norm {
  fileprivate func check() throws {
    try checkFactor(kind == .rms ? "rms_norm_eps" : "layer_norm_eps", epsilon, above: 0)
  }
}

extension RotaryEmbedding {
  fileprivate func check() throws {
    func factor(_ field: String, _ value: Double, above floor: Double = 0) throws {
      try within("rope_scaling") { try checkFactor(field, value, above: floor) }
    }
    func original(_ positions: Int) throws {
      try within("rope_scaling") {
        try checkSize("original_max_position_embeddings", positions, atMost: Limits.positions)
      }
    }
    try checkFactor("rope_theta", theta, above: 0)
    switch scaling {
    case nil: break
    case .linear(let stretch): try factor("factor", stretch)
    case .dynamic(let stretch, let positions):
      try factor("factor", stretch)
      try original(positions)
    case .llama3(let stretch, let low, let high, let positions):
      try factor("factor", stretch)
      try factor("low_freq_factor", low)
      try factor("high_freq_factor", high, above: low)
      try original(positions)
    case .yarn(let yarn):
      try factor("factor", yarn.factor)
      try factor("beta_slow", yarn.betaSlow)
      try factor("beta_fast", yarn.betaFast)
      try factor("attention_factor", yarn.attentionFactor)
      try original(yarn.originalMaxPositions)
      guard theta > 1 else {
        throw InputError("rope_theta", problem: "is \(theta)", expected: "above 1 with yarn")
      }
    case .longrope(let short, let long, let positions, let attentionFactor):
      for value in short + long { try factor("short_factor, long_factor", value) }
      try factor("attention_factor", attentionFactor)
      try original(positions)
    }
  }
}
