// ERNIE 4.5: LLaMA that turns neighbouring pairs.

extension Family {
  static let ernie = Family(
    modelType: "ernie4_5", className: "Ernie4_5ForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("ernie4_5") { metadata in
      var fields = try metadata.commonFields()
      fields["use_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: metadata.size("block_count")))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          keyValueHeads: 2, headDimension: config.isNull("head_dim") ? nil : 128,
          maxPositions: 131_072, tiedEmbeddings: true))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, theta: 500_000, interleaved: true)
      let bias = try config.bool("use_bias") ?? false
      try config.demand("compression_ratio", .number(1))
      config.ignore("weight_share_add_bias")
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = bias
      attention.outputBias = bias
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputBias: bias, outputBias: bias, inputNorm: norm))
      return fields.architecture(
        name, "ernie4_5", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["use_bias"] = .bool(architecture.eachAttention.inputBias)
      return fields
    })

  /// ERNIE 4.5's mixtures: corrections are added to softmax scores.
  static let ernieMoE = Family(
    modelType: "ernie4_5_moe", className: "Ernie4_5_MoeForCausalLM",
    tensors: .huggingFace.experts(
      .init(correction: [
        "moe_statics.e_score_correction_bias", "gate.moe_statics.e_score_correction_bias",
      ])),
    gguf: GGUFFamily("ernie4_5-moe") { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.softmax)
      fields["moe_num_experts"] = experts.count
      fields["moe_k"] = experts.active
      fields["moe_intermediate_size"] = experts.width
      fields["moe_num_shared_experts"] = .integer(
        try metadata.int("expert_shared_count") ?? 0)
      // What the converter computes is this width for the published models alone.
      _ = metadata.value("expert_shared_feed_forward_length")
      fields["moe_layer_start_index"] = .integer(
        try metadata.int("leading_dense_block_count") ?? 0)
      fields["moe_layer_interval"] = .integer(
        try metadata.int("interleave_moe_layer_step") ?? 1)
      fields["use_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: metadata.layerCount()))
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 4, maxPositions: 131_072, tiedEmbeddings: true))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, theta: 500_000, interleaved: true)
      try config.demand("use_bias", .bool(false))
      try config.demand("compression_ratio", .number(1))
      try config.demand("moe_use_aux_free", .bool(true))
      try config.demand("moe_gate", .string("topk"))
      config.ignore("weight_share_add_bias", "moe_norm_min")
      let activation = try config.activation()
      let width = try config.int("moe_intermediate_size") ?? 1536
      let experts = Experts(
        count: try config.int("moe_num_experts") ?? 64, active: try config.int("moe_k") ?? 6,
        intermediateSize: width, activation: activation,
        router: .init(renormalises: true, hasCorrection: true),
        shared: try config.sharedExperts("moe_num_shared_experts", default: 2, ofOne: width),
        inputNorm: norm)
      let dense = MLP(
        intermediateSize: fields.intermediateSize, activation: activation, inputNorm: norm)
      let first = try config.int("moe_layer_start_index") ?? 1
      let last = try config.int("moe_layer_end_index") ?? -1
      let interval = try config.interval("moe_layer_interval")
      return fields.architecture(
        name, "ernie4_5_moe",
        layers: fields.layers(
          fields.attention(rotary: rotation, norm: norm), dense: dense, experts: experts
        ) {
          $0 >= first && (last == -1 || $0 <= last) && ($0 + 1) % interval == 0
        }, rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      let (sparse, count) = (architecture.sparseLayers, architecture.layers.count)
      fields["num_experts_per_tok"] = nil
      fields["moe_k"] = .integer(architecture.firstExperts?.active ?? 1)
      fields["moe_num_experts"] = architecture.expertCount
      fields["moe_num_shared_experts"] = architecture.sharedExperts
      fields["moe_intermediate_size"] = architecture.expertSize
      fields["moe_layer_start_index"] = .integer(sparse.first ?? count)
      fields["moe_layer_end_index"] = .integer(sparse.last ?? count)
      fields["moe_layer_interval"] = .integer(sparse.count > 1 ? sparse[1] - sparse[0] : 1)
      fields["use_bias"] = .bool(false)
      return fields
    })
}
