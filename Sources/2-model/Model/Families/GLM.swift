// GLM-4 (0414): norms before and after each part, fused gate and up, half of a head turned in
// neighbouring pairs.

extension Family {
  static let glm4 = Family(
    modelType: "glm4", className: "Glm4ForCausalLM",
    tensors: .huggingFaceNames([
      .attentionOutputNorm: "post_self_attn_layernorm", .mlpOutputNorm: "post_mlp_layernorm",
    ]).fused(layers: ("model.layers.", "."), gateUp: "mlp.gate_up_proj"),
    gguf: GGUFFamily("glm4", tensors: .gguf.fused(layers: ("blk.", "."), gateUp: "ffn_up")) {
      metadata in
      var fields = try metadata.commonFields()
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: metadata.size("block_count")))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 2, headDimension: 128, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 0.00000015625)
      let (tables, rotation) = try fields.rotary(config, partialFactor: 0.5, interleaved: true)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? true
      attention.outputNorm = norm
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm, outputNorm: norm))
      return fields.architecture(
        name, "glm4", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      return fields
    })

  /// GLM-4.5 and later: sigmoid scores with corrections, a shared expert, half of a head turned.
  static let glm4MoE = Family(
    modelType: "glm4_moe", className: "Glm4MoeForCausalLM", tensors: .huggingFace.experts(),
    gguf: GGUFFamily("glm4moe", tensors: .ggufNames([.mlpNorm: "post_attention_norm"])) {
      metadata in
      var fields = try metadata.commonFields()
      let (experts, layers) = (try metadata.experts(), try metadata.layerCount())
      try metadata.demandGating(.sigmoid)
      fields["n_routed_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["moe_intermediate_size"] = experts.width
      fields["n_shared_experts"] = .integer(try metadata.int("expert_shared_count") ?? 0)
      fields["first_k_dense_replace"] = .integer(
        try metadata.int("leading_dense_block_count") ?? 0)
      fields["routed_scaling_factor"] = .number(try metadata.double("expert_weights_scale") ?? 1)
      fields["norm_topk_prob"] = .bool(try metadata.bool("expert_weights_norm") ?? true)
      fields.merge(try metadata.groupFields()) { $1 }
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["use_qk_norm"] = .bool(
        try metadata.hasInAllLayers("attn_q_norm.weight", layers: layers))
      // Absent means all here, a half in `config.json`.
      if fields["partial_rotary_factor"] == nil { fields["partial_rotary_factor"] = .number(1) }
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config, .init(keyValueHeads: 8, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, partialFactor: 0.5)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      if try config.bool("use_qk_norm") ?? false { attention.queryKeyNorm = .init(norm, .head) }
      let activation = try config.activation()
      let width = try config.int("moe_intermediate_size") ?? 1408
      try config.demand("scoring_func", .string("sigmoid"))
      try config.demand("topk_method", .string("noaux_tc"))
      let experts = Experts(
        count: try config.int("n_routed_experts") ?? 128,
        active: try config.int("num_experts_per_tok") ?? 8, intermediateSize: width,
        activation: activation,
        router: .init(
          scoring: .sigmoid, renormalises: try config.bool("norm_topk_prob") ?? true,
          scale: try config.double("routed_scaling_factor") ?? 1, hasCorrection: true,
          groups: try config.expertGroups(default: (1, 1), best: 2)),
        shared: try config.sharedExperts("n_shared_experts", default: 1, ofOne: width),
        inputNorm: norm)
      let dense = MLP(
        intermediateSize: fields.intermediateSize, activation: activation, inputNorm: norm)
      let first = try config.int("first_k_dense_replace") ?? 1
      return fields.architecture(
        name, "glm4_moe",
        layers: fields.layers(attention, dense: dense, experts: experts) { $0 >= first },
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      let (experts, attention) = (architecture.firstExperts, architecture.firstAttention)
      fields["n_routed_experts"] = architecture.expertCount
      fields["n_shared_experts"] = architecture.sharedExperts
      fields["moe_intermediate_size"] = architecture.expertSize
      fields["first_k_dense_replace"] = .integer(
        architecture.sparseLayers.first ?? architecture.layers.count)
      fields["routed_scaling_factor"] = .number(experts?.router.scale ?? 1)
      fields["norm_topk_prob"] = .bool(experts?.router.renormalises ?? true)
      fields["n_group"] = .integer(experts?.router.groups?.count ?? 1)
      fields["topk_group"] = .integer(experts?.router.groups?.active ?? 1)
      fields["attention_bias"] = .bool(attention?.inputBias ?? false)
      fields["use_qk_norm"] = .bool(attention?.queryKeyNorm != nil)
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      return fields
    })
}
