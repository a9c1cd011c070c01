import Input

// DeepSeek V2 and V3: latent attention, dense layers first, then shared and routed experts.

extension Family {
  static let deepSeekV2 = deepSeek("deepseek_v2", className: "DeepseekV2ForCausalLM")
  static let deepSeekV3 = deepSeek("deepseek_v3", className: "DeepseekV3ForCausalLM")

  private static func deepSeek(_ modelType: String, className: String) -> Family {
    let isThird = modelType == "deepseek_v3"
    return Family(
      modelType: modelType, className: className,
      tensors: .huggingFaceNames([
        .queryUp: "self_attn.q_b_proj", .keyValueDown: "self_attn.kv_a_proj_with_mqa",
        .keyValueNorm: "self_attn.kv_a_layernorm", .keyValueUp: "self_attn.kv_b_proj",
        .queryNorm: "self_attn.q_a_layernorm",
      ]).experts().with { weight, layer, architecture in
        guard let layer, weight.role == .query,
          architecture.layers[layer].latentAttention?.queryRank != nil
        else { return nil }
        return TensorSource(
          "model.layers.\(layer).self_attn.q_a_proj."
            + (weight.form == .bias ? "bias" : "weight"))
      },
      gguf: GGUFFamily(
        "deepseek2", matches: { (try $0.gating(absent: .softmax) == .sigmoid) == isThird }
      ) { try $0.deepSeekFields(isThird: isThird) },
      describesEachLayer: true,
      read: { name, config in try config.deepSeek(name, modelType, isThird: isThird) },
      write: { architecture in
        var fields = architecture.mixtureFields()
        fields.merge(architecture.latentFields()) { $1 }
        let (experts, count) = (architecture.firstExperts, architecture.layers.count)
        fields["n_routed_experts"] = experts == nil ? .null : architecture.expertCount
        fields["n_shared_experts"] = architecture.sharedExperts
        fields["moe_intermediate_size"] = architecture.expertSize
        fields["first_k_dense_replace"] = .integer(architecture.sparseLayers.first ?? count)
        fields["routed_scaling_factor"] = .number(experts?.router.scale ?? 1)
        fields["norm_topk_prob"] = .bool(experts?.router.renormalises ?? isThird)
        let groups = experts?.router.groups
        fields["n_group"] = .integer(groups?.count ?? 1)
        fields["topk_group"] = .integer(groups?.active ?? 1)
        if isThird {
          fields["rope_interleave"] = .bool(
            architecture.firstLatentAttention?.rotary.interleaved ?? true)
        } else {
          fields["topk_method"] = .string(groups == nil ? "greedy" : "group_limited_greedy")
        }
        return fields
      })
  }
}

extension ConfigReader {
  fileprivate func deepSeek(
    _ name: String, _ modelType: String, isThird: Bool
  ) throws -> Architecture {
    let rotaryWidth = try int("qk_rope_head_dim") ?? 64
    var fields = try CommonFields(
      self, .init(headDimension: rotaryWidth, maxPositions: isThird ? 4096 : 2048))
    // Where configurations have it, it is one or the other width.
    try checkSize("qk_rope_head_dim", rotaryWidth, atMost: Limits.headDimension)
    fields.headDimension = rotaryWidth
    let norm = try rmsNorm()
    let isInterleaved = isThird ? try bool("rope_interleave") ?? true : true
    let (tables, rotation) = try fields.rotary(self, interleaved: isInterleaved)
    ignore("qk_head_dim")
    let queryRank = isNull("q_lora_rank") ? nil : try int("q_lora_rank") ?? 1536
    var attention = LatentAttention(
      queryHeads: fields.queryHeads, queryRank: queryRank,
      rank: try int("kv_lora_rank") ?? 512, plainWidth: try int("qk_nope_head_dim") ?? 128,
      rotaryWidth: rotaryWidth, valueWidth: try int("v_head_dim") ?? 128, rotary: rotation,
      // Whatever `rms_norm_eps` is.
      latentNorm: .rms(1e-6), inputBias: try bool("attention_bias") ?? false, inputNorm: norm)
    attention.outputBias = attention.inputBias
    if attention.inputBias, queryRank == nil {
      throw InputError(
        "attention_bias", problem: "is true without q_lora_rank",
        expected: "false: queries would have no bias where keys and values have one")
    }
    try checkSize("qk_nope_head_dim", attention.plainWidth, atMost: Limits.headDimension)
    if case .yarn(let yarn) = tables[0].scaling, let all = try scoreMagnitude(), all != 0 {
      let magnitude = RotaryEmbedding.YaRN.magnitude(yarn.factor, mscale: all)
      attention.scale = attention.scoreScale * magnitude * magnitude
    }
    let activation = try activation()
    try demand("mlp_bias", .bool(false))
    try demand("moe_layer_freq", .integer(1))
    let dense = MLP(
      intermediateSize: fields.intermediateSize, activation: activation, inputNorm: norm)
    let experts = try deepSeekExperts(isThird: isThird, activation, norm)
    let first = try int("first_k_dense_replace") ?? (isThird ? 3 : 0)
    let layers = (0..<fields.layers).map { layer in
      let feedForward = layer < first ? nil : experts.map(FeedForward.experts)
      return Layer(mixer: .latentAttention(attention), feedForward: feedForward ?? .dense(dense))
    }
    return fields.architecture(
      name, modelType, layers: LayerStack(layers), rotaries: tables, finalNorm: norm)
  }

  /// `mscale_all_dim`, which scales scores here and not rotations alone.
  private func scoreMagnitude() throws -> Double? {
    let given = try Self.rotaryFields.compactMap { try rotaryParameters($0) }
    let magnitudes = try given.map { try $0.double("mscale_all_dim") }
    guard magnitudes.allSatisfy({ $0 == magnitudes[0] }) else {
      throw Self.contradiction("a mscale_all_dim that differs")
    }
    return magnitudes.first ?? nil
  }

  /// `nil`: all layers are dense.
  private func deepSeekExperts(
    isThird: Bool, _ activation: MLP.Activation, _ norm: Norm
  ) throws -> Experts? {
    let width = try int("moe_intermediate_size") ?? (isThird ? 2048 : 1407)
    let shared = try sharedExperts("n_shared_experts", default: isThird ? 1 : 2, ofOne: width)
    try demand("scoring_func", .string(isThird ? "sigmoid" : "softmax"))
    var router = Experts.Router(
      scoring: isThird ? .sigmoid : .softmax, renormalises: false,
      scale: try double("routed_scaling_factor") ?? (isThird ? 2.5 : 1), hasCorrection: isThird)
    if isThird {
      try demand("topk_method", .string("noaux_tc"))
      router.renormalises = try bool("norm_topk_prob") ?? true
      router.groups = try expertGroups(default: (8, 4), best: 2)
    } else {
      // Its own code leaves the scale out then, transformers' does not renormalise.
      try demand("norm_topk_prob", .bool(false))
      let method = try string("topk_method") ?? "greedy"
      switch method {
      case "greedy": ignore("n_group", "topk_group")
      case "group_limited_greedy": router.groups = try expertGroups(best: 1)
      default:
        throw InputError(
          "topk_method", problem: "\"\(method.prefix(60))\" is not supported",
          expected: "greedy or group_limited_greedy")
      }
    }
    let active = try int("num_experts_per_tok") ?? (isThird ? 8 : nil)
    guard !isNull("n_routed_experts") else { return nil }
    guard let active else {
      throw InputError("num_experts_per_tok", problem: "is missing", expected: "a positive integer")
    }
    return Experts(
      count: try int("n_routed_experts") ?? (isThird ? 256 : 64), active: active,
      intermediateSize: width, activation: activation, router: router, shared: shared,
      inputNorm: norm)
  }
}

extension Architecture {
  /// Latent attention's fields, and the rotation that scales its scores as well.
  fileprivate func latentFields() -> [String: JSONValue] {
    guard let attention = firstLatentAttention else { return [:] }
    var fields: [String: JSONValue] = [
      "num_key_value_heads": .integer(attention.queryHeads),
      "head_dim": .integer(attention.rotaryWidth),
      "q_lora_rank": attention.queryRank.map(JSONValue.integer) ?? .null,
      "kv_lora_rank": .integer(attention.rank),
      "qk_nope_head_dim": .integer(attention.plainWidth),
      "qk_rope_head_dim": .integer(attention.rotaryWidth),
      "v_head_dim": .integer(attention.valueWidth), "attention_bias": .bool(attention.inputBias),
    ]
    if let scale = attention.scale, let rotary = rotaries.first,
      case .yarn(let yarn)? = rotary.scaling,
      case .object(var scaling)? = rotary.fields()["rope_scaling"]
    {
      var plain = attention
      plain.scale = nil
      let unit = RotaryEmbedding.YaRN.magnitude(yarn.factor) - 1
      scaling["mscale_all_dim"] = field(
        ((scale / plain.scoreScale).squareRoot() - 1) / unit, giving: scale
      ) {
        let magnitude = RotaryEmbedding.YaRN.magnitude(yarn.factor, mscale: $0)
        return plain.scoreScale * magnitude * magnitude
      }
      fields["rope_scaling"] = .object(scaling)
    }
    return fields
  }
}

extension GGUFMetadata {
  fileprivate func deepSeekFields(isThird: Bool) throws -> [String: JSONValue] {
    let rotaryWidth = try size("rope.dimension_count")
    try checkSize(
      "\(architecture).rope.dimension_count", rotaryWidth, atMost: Limits.headDimension)
    // The cache's widths come first where the others have keys of their own.
    let (key, value) = (
      try int("attention.key_length_mla") ?? size("attention.key_length"),
      try int("attention.value_length_mla") ?? size("attention.value_length")
    )
    for known in ["attention.key_length", "attention.value_length", "attention.head_count_kv"] {
      _ = self.value(known)
    }
    var fields = try commonFields(headDimension: rotaryWidth)
    if let further = try double("rope.scaling.attn_factor"), further != 1 {
      throw InputError(
        "\(architecture).rope.scaling.attn_factor", problem: "is \(further)",
        expected: "1: llama.cpp scales these scores by it too")
    }
    guard key > rotaryWidth, key <= Limits.headDimension else {
      throw InputError(
        "\(architecture).attention.key_length_mla", problem: "is \(key)",
        expected: "more than rope.dimension_count, \(rotaryWidth)")
    }
    fields["qk_rope_head_dim"] = .integer(rotaryWidth)
    fields["qk_nope_head_dim"] = .integer(key - rotaryWidth)
    fields["v_head_dim"] = .integer(value)
    fields["kv_lora_rank"] = .integer(try size("attention.kv_lora_rank"))
    fields["q_lora_rank"] = try int("attention.q_lora_rank").map(JSONValue.integer) ?? .null
    if case .object(var scaling)? = fields["rope_scaling"],
      let multiplier = try double("rope.scaling.yarn_log_multiplier"), multiplier != 0
    {
      // A tenth of `mscale_all_dim`, in f32.
      let all = JSONValue.number((multiplier * 1e7).rounded() / 1e6)
      (scaling["mscale"], scaling["mscale_all_dim"]) = (all, all)
      fields["rope_scaling"] = .object(scaling)
    }
    let experts = try experts()
    fields["n_routed_experts"] = experts.count
    fields["num_experts_per_tok"] = experts.active
    fields["moe_intermediate_size"] = experts.width
    fields["n_shared_experts"] = .integer(try int("expert_shared_count") ?? 0)
    fields["first_k_dense_replace"] = .integer(try int("leading_dense_block_count") ?? 0)
    let scale = try double("expert_weights_scale") ?? 1
    fields["routed_scaling_factor"] = .number(scale == 0 ? 1 : scale)
    fields["norm_topk_prob"] = .bool(try bool("expert_weights_norm") ?? false)
    fields.merge(try groupFields()) { $1 }
    if !isThird, fields["n_group"] != .integer(1) {
      fields["topk_method"] = .string("group_limited_greedy")
    }
    return fields
  }
}
