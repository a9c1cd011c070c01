import Input

// Granite and MiniCPM: LLaMA with factors on embeddings, residual branches, scores and logits.

extension Family {
  static let granite = Family(
    modelType: "granite", className: "GraniteForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("granite", interleavedRotary: true) { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
      for (key, field) in [
        ("embedding_scale", "embedding_multiplier"), ("residual_scale", "residual_multiplier"),
        ("logit_scale", "logits_scaling"), ("attention.scale", "attention_multiplier"),
      ] {
        if let scale = try metadata.double(key), scale != 0 { fields[field] = .number(scale) }
      }
      if fields["attention_multiplier"] == nil, case .integer(let head) = fields["head_dim"]! {
        fields["attention_multiplier"] = .number(1 / Double(head).squareRoot())
      }
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          sizes: .init(
            hidden: 4096, intermediate: 11008, layers: 32, queryHeads: 32, vocabulary: 32000)))
      let bias = try config.bool("mlp_bias") ?? false
      let rotary = try fields.rotary(config)
      return try granite(
        name, "granite", config, fields, rotation: (rotary.tables, rotary.rotation),
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputBias: bias, outputBias: bias, inputNorm: try config.rmsNorm()))
    },
    write: { architecture in
      var fields = graniteFields(architecture)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })

  /// Granite 4.0's models without state space or routed experts (350M, 1B, micro): the shared expert
  /// is their MLP.
  static let graniteHybrid = Family(
    modelType: "granitemoehybrid", className: "GraniteMoeHybridForCausalLM",
    tensors: .huggingFaceNames([.down: "shared_mlp.output_linear"])
      .fused(layers: ("model.layers.", "."), gateUp: "shared_mlp.input_linear"),
    read: { name, config in
      var fields = try CommonFields(config)
      fields.intermediateSize = try config.int("shared_intermediate_size") ?? 1024
      let experts = try config.int("num_local_experts") ?? 8
      guard experts == 0 else {
        throw InputError(
          "num_local_experts", problem: "\(experts) routed experts are not supported",
          expected: "0, the models without them")
      }
      guard let types = try config.array("layer_types") ?? config.array("layers_block_type")
      else {
        throw InputError(
          "layer_types", problem: "is missing, which means state space in all layers",
          expected: "attention in all layers")
      }
      for (layer, type) in types.enumerated()
      where type != .string("attention") && type != .string("full_attention") {
        throw InputError(
          "layer_types", problem: "layer \(layer) is \(type.kind)",
          expected: "attention in all layers (state space is not supported)")
      }
      guard types.count == fields.layers else {
        throw InputError(
          "layer_types", problem: "has \(types.count) entries",
          expected: "num_hidden_layers, \(fields.layers)")
      }
      // Of parts that are not there.
      config.ignore(
        "layers_block_type", "num_experts_per_tok", "time_step_limit", "mamba_chunk_size",
        "mamba_conv_bias", "mamba_d_conv", "mamba_d_head", "mamba_d_state", "mamba_expand",
        "mamba_n_groups", "mamba_n_heads", "mamba_proj_bias", "init_method")
      try config.demand("normalization_function", .string("rmsnorm"))
      try config.demand("mlp_bias", .bool(false))
      let position = try config.string("position_embedding_type")
      guard position == nil || position == "rope" || position == "nope" else {
        throw InputError(
          "position_embedding_type", problem: "is \"\(position!.prefix(60))\"",
          expected: "rope, nope or null")
      }
      let rotary = try fields.rotary(config)
      return try granite(
        name, "granitemoehybrid", config, fields,
        rotation: (rotary.tables, position == "rope" ? rotary.rotation : nil),
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: try config.rmsNorm()))
    },
    write: { architecture in
      var fields = graniteFields(architecture)
      fields["shared_intermediate_size"] = fields["intermediate_size"]
      fields["num_local_experts"] = .integer(0)
      fields["num_experts_per_tok"] = .integer(0)
      fields["position_embedding_type"] =
        architecture.eachAttention.rotary == nil ? .null : .string("rope")
      fields["layer_types"] = .array(
        Array(repeating: .string("attention"), count: architecture.layers.count))
      return fields
    })

  private static func granite(
    _ name: String, _ modelType: String, _ config: ConfigReader, _ fields: CommonFields,
    rotation: (tables: [RotaryEmbedding], rotation: Attention.Rotation?), mlp: MLP
  ) throws -> Architecture {
    let norm = try config.rmsNorm()
    var attention = fields.attention(rotary: rotation.rotation, norm: norm)
    attention.inputBias = try config.bool("attention_bias") ?? false
    attention.outputBias = attention.inputBias
    attention.scale = try config.double("attention_multiplier") ?? 1
    let layer = Layer(
      attention: attention, mlp: mlp,
      residualScale: try config.double("residual_multiplier") ?? 1)
    var architecture = fields.architecture(
      name, modelType, layers: LayerStack(repeating: layer, count: fields.layers),
      rotaries: rotation.tables, finalNorm: norm)
    architecture.embeddingScale = try config.double("embedding_multiplier") ?? 1
    architecture.logitScale = 1 / (try config.double("logits_scaling") ?? 1)
    return architecture
  }

  private static func graniteFields(_ architecture: Architecture) -> [String: JSONValue] {
    let attention = architecture.eachAttention
    var fields = architecture.rmsFields()
    fields["attention_bias"] = .bool(attention.inputBias)
    fields["attention_multiplier"] = .number(attention.scoreScale)
    fields["residual_multiplier"] = .number(architecture.layers[0].residualScale)
    fields["embedding_multiplier"] = .number(architecture.embeddingScale)
    fields["logits_scaling"] = field(
      1 / architecture.logitScale, giving: architecture.logitScale
    ) { 1 / $0 }
    return fields
  }

  static let minicpm = Family(
    modelType: "minicpm", className: "MiniCPMForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("minicpm", interleavedRotary: true) { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      let hidden = Double(try metadata.size("embedding_length"))
      // What the first converters left out is MiniCPM 2B's.
      fields["scale_emb"] = .number(try metadata.double("embedding_scale") ?? 12)
      fields["scale_depth"] = .number(
        try metadata.double("residual_scale").map { $0 * Double(layers).squareRoot() } ?? 1.4)
      fields["dim_model_base"] = .number(
        try metadata.double("logit_scale").map { hidden / $0 } ?? 256)
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(tiedEmbeddings: true))
      let norm = try config.rmsNorm()
      let (tables, rotation) = try fields.rotary(config)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let depth = try config.double("scale_depth") ?? 1
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm),
        residualScale: depth / Double(fields.layers).squareRoot())
      config.ignore("mup_denominator")  // of heads that predict further tokens
      var architecture = fields.architecture(
        name, "minicpm", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
      architecture.embeddingScale = try config.double("scale_emb") ?? 1
      architecture.logitScale =
        (try config.double("dim_model_base") ?? 1) / Double(fields.hiddenSize)
      return architecture
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["scale_emb"] = .number(architecture.embeddingScale)
      let (root, hidden) = (
        Double(architecture.layers.count).squareRoot(), Double(architecture.hiddenSize)
      )
      let residualScale = architecture.layers[0].residualScale
      fields["scale_depth"] = field(residualScale * root, giving: residualScale) { $0 / root }
      fields["dim_model_base"] = field(
        architecture.logitScale * hidden, giving: architecture.logitScale
      ) { $0 / hidden }
      return fields
    })
}
