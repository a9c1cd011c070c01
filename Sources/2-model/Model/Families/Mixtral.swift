import Input

// Mixtral and MiniMax M2: experts in all layers, no shared ones.

extension Family {
  static let mixtral = Family(
    modelType: "mixtral", className: "MixtralForCausalLM",
    tensors: .huggingFace.experts(mixtralNames),
    gguf: GGUFFamily(
      "llama", interleavedRotary: true, matches: { try $0.int("expert_count") ?? 0 > 0 }
    ) { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.softmax)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      fields["sliding_window"] = .null
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config, .init(keyValueHeads: 8, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, theta: 1_000_000)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.window = try config.slidingWindow(default: nil)
      let experts = Experts(
        count: try config.int("num_local_experts") ?? 8,
        active: try config.int("num_experts_per_tok") ?? 2,
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        router: .init(renormalises: true), inputNorm: norm)
      let layer = Layer(mixer: .attention(attention), feedForward: .experts(experts))
      return fields.architecture(
        name, "mixtral", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      fields["num_local_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      return fields
    })

  static let minimaxM2 = Family(
    modelType: "minimax_m2", className: "MiniMaxM2ForCausalLM",
    tensors: .huggingFace.experts(mixtralNames),
    gguf: GGUFFamily("minimax-m2") { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.sigmoid)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 8, headDimension: 128, maxPositions: 196_608))
      let norm = try config.rmsNorm()
      let turned = try config.int("rotary_dim")
      if let turned { try checkSize("rotary_dim", turned, atMost: fields.headDimension) }
      let (tables, rotation) = try fields.rotary(
        config, theta: 5_000_000,
        partialFactor: turned.map {
          RotaryFields.share($0, ofHead: fields.headDimension)
        } ?? 1)
      // What other models of its code have otherwise.
      try config.demand("scoring_func", .string("sigmoid"))
      try config.demand("qk_norm_type", .string("per_layer"))
      try config.demand("use_qk_norm", .bool(true))
      try config.demand("use_routing_bias", .bool(true))
      try config.demand("shared_intermediate_size", .integer(0))
      for field in [
        "layernorm_full_attention_beta", "layernorm_linear_attention_beta", "layernorm_mlp_beta",
      ] {
        try config.demand(field, .number(1))
      }
      for type in try config.array("attn_type_list") ?? [] where type != .integer(1) {
        throw InputError(
          "attn_type_list", problem: "holds \(type.kind)",
          expected: "1: attention that sees all positions")
      }
      config.ignore("shared_moe_mode", "mlp_intermediate_size")
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.queryKeyNorm = .init(norm, .allHeads)
      let experts = Experts(
        count: try config.int("num_local_experts") ?? 256,
        active: try config.int("num_experts_per_tok") ?? 8,
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        router: .init(scoring: .sigmoid, renormalises: true, hasCorrection: true),
        inputNorm: norm)
      let layer = Layer(mixer: .attention(attention), feedForward: .experts(experts))
      return fields.architecture(
        name, "minimax_m2", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      fields["num_local_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      return fields
    })

  private static let mixtralNames = ExpertNames(
    blocks: ["block_sparse_moe", "mlp"], gate: "w1", up: "w3", down: "w2",
    correction: ["e_score_correction_bias"])
}
