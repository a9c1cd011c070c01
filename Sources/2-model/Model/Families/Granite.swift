import Input

// Granite and MiniCPM: LLaMA with factors on embeddings, residual branches, scores and logits.

extension Family {
  static let granite = Family(
    modelType: "granite", className: "GraniteForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("granite", interleavedRotary: true) { metadata in
      var fields = try metadata.graniteFields()
      fields["mlp_bias"] = .bool(
        try metadata.hasInAllLayers("ffn_up.bias", layers: metadata.size("block_count")))
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
        .dense(
          MLP(
            intermediateSize: fields.intermediateSize, activation: try config.activation(),
            inputBias: bias, outputBias: bias, inputNorm: try config.rmsNorm())))
    },
    write: { architecture in
      var fields = graniteFields(architecture, architecture.rmsFields())
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })

  /// Granite 3's mixtures (1B and 3B with 400M and 800M active).
  static let graniteMoE = Family(
    modelType: "granitemoe", className: "GraniteMoeForCausalLM",
    tensors: .huggingFace.with(graniteExperts),
    gguf: GGUFFamily(
      "granitemoe", interleavedRotary: true,
      matches: { try $0.int("expert_shared_feed_forward_length") ?? 0 == 0 }
    ) { metadata in
      var fields = try metadata.graniteFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.softmax)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config)
      let rotary = try fields.rotary(config)
      return try granite(
        name, "granitemoe", config, fields, rotation: (rotary.tables, rotary.rotation),
        .experts(try config.graniteExperts(width: fields.intermediateSize, shared: nil)))
    },
    write: { architecture in
      var fields = graniteFields(architecture, architecture.mixtureFields())
      fields["num_local_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      return fields
    })

  /// Granite 4.0's models without state space (350M, 1B, micro): the shared expert is their MLP where
  /// there are no others.
  static let graniteHybrid = Family(
    modelType: "granitemoehybrid", className: "GraniteMoeHybridForCausalLM",
    tensors: .huggingFaceNames([.down: "shared_mlp.output_linear"])
      .fused(layers: ("model.layers.", "."), gateUp: "shared_mlp.input_linear")
      .with(graniteExperts),
    gguf: GGUFFamily(
      "granitemoe", interleavedRotary: true,
      matches: { try $0.int("expert_shared_feed_forward_length") ?? 0 > 0 }
    ) { metadata in
      var fields = try metadata.graniteFields()
      let (experts, layers) = (try metadata.experts(), try metadata.layerCount())
      try metadata.demandGating(.softmax)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      fields["shared_intermediate_size"] = metadata.value("expert_shared_feed_forward_length")
      fields["position_embedding_type"] = .string("rope")
      fields["layer_types"] = .array(
        Array(repeating: .string("full_attention"), count: layers))
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      var fields = try CommonFields(config)
      let width = fields.intermediateSize
      fields.intermediateSize = try config.int("shared_intermediate_size") ?? 1024
      let experts = try config.int("num_local_experts") ?? 8
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
        experts == 0
          ? .dense(
            MLP(
              intermediateSize: fields.intermediateSize, activation: try config.activation(),
              inputNorm: try config.rmsNorm()))
          : .experts(try config.graniteExperts(width: width, shared: fields.intermediateSize)))
    },
    write: { architecture in
      var fields = graniteFields(architecture, architecture.mixtureFields())
      let experts = architecture.firstExperts
      fields["shared_intermediate_size"] =
        experts?.shared.map { .integer($0.intermediateSize) } ?? fields["intermediate_size"]
      fields["num_local_experts"] = architecture.expertCount
      fields["num_experts_per_tok"] = .integer(experts?.active ?? 0)
      if experts != nil { fields["intermediate_size"] = architecture.expertSize }
      fields["position_embedding_type"] =
        architecture.firstAttention?.rotary == nil ? .null : .string("rope")
      fields["layer_types"] = .array(
        Array(repeating: .string("attention"), count: architecture.layers.count))
      return fields
    })

  private static func granite(
    _ name: String, _ modelType: String, _ config: ConfigReader, _ fields: CommonFields,
    rotation: (tables: [RotaryEmbedding], rotation: Attention.Rotation?),
    _ feedForward: FeedForward
  ) throws -> Architecture {
    let norm = try config.rmsNorm()
    var attention = fields.attention(rotary: rotation.rotation, norm: norm)
    attention.inputBias = try config.bool("attention_bias") ?? false
    attention.outputBias = attention.inputBias
    attention.scale = try config.double("attention_multiplier") ?? 1
    let layer = Layer(
      mixer: .attention(attention), feedForward: feedForward,
      residualScale: try config.double("residual_multiplier") ?? 1)
    var architecture = fields.architecture(
      name, modelType, layers: LayerStack(repeating: layer, count: fields.layers),
      rotaries: rotation.tables, finalNorm: norm)
    architecture.embeddingScale = try config.double("embedding_multiplier") ?? 1
    architecture.logitScale = 1 / (try config.double("logits_scaling") ?? 1)
    return architecture
  }

  private static func graniteFields(
    _ architecture: Architecture, _ common: [String: JSONValue]
  ) -> [String: JSONValue] {
    var fields = common
    fields["attention_bias"] = .bool(architecture.firstAttention?.inputBias ?? false)
    fields["attention_multiplier"] = .number(architecture.firstAttention?.scoreScale ?? 1)
    fields["residual_multiplier"] = .number(architecture.layers[0].residualScale)
    fields["embedding_multiplier"] = .number(architecture.embeddingScale)
    fields["logits_scaling"] = field(
      1 / architecture.logitScale, giving: architecture.logitScale
    ) { 1 / $0 }
    return fields
  }

  /// Experts of both: all gates and ups in one tensor, all downs in another.
  @Sendable private static func graniteExperts(
    _ weight: WeightSpec, _ layer: Int?, _ architecture: Architecture
  ) -> TensorSource? {
    guard let layer, let experts = architecture.layers[layer].experts else { return nil }
    let place = "model.layers.\(layer)."
    let moe = place + "block_sparse_moe."
    let (width, shared) = (experts.intermediateSize, experts.shared?.intermediateSize ?? 0)
    func stacked(
      _ name: String, or other: String, _ arrangement: TensorSource.Arrangement
    ) -> TensorSource {
      let slice = TensorSource.Slice(weight.expert ?? 0, of: experts.count)
      return TensorSource("\(moe)\(name).weight", arrangement, slice: slice)
        .or(TensorSource("\(moe)experts.\(other)", arrangement, slice: slice))
    }
    switch weight.role {
    case .router:
      return TensorSource(moe + "router.layer.weight").or(TensorSource(moe + "router.weight"))
    case .expertGate:
      return stacked("input_linear", or: "gate_up_proj", .rows(first: 0, total: 2 * width))
    case .expertUp:
      return stacked("input_linear", or: "gate_up_proj", .rows(first: width, total: 2 * width))
    case .expertDown: return stacked("output_linear", or: "down_proj", .whole)
    case .sharedGate, .sharedUp:
      let first = weight.role == .sharedGate ? 0 : shared
      return TensorSource(
        place + "shared_mlp.input_linear.weight", .rows(first: first, total: 2 * shared))
    case .sharedDown: return TensorSource(place + "shared_mlp.output_linear.weight")
    default: return nil
    }
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

extension ConfigReader {
  /// - Parameter shared: the shared expert's width.
  fileprivate func graniteExperts(width: Int, shared: Int?) throws -> Experts {
    Experts(
      count: try int("num_local_experts") ?? 8, active: try int("num_experts_per_tok") ?? 2,
      intermediateSize: width, activation: try activation(),
      router: .init(renormalises: true), shared: shared.map { .init(intermediateSize: $0) },
      inputNorm: try rmsNorm())
  }
}

extension GGUFMetadata {
  fileprivate func graniteFields() throws -> [String: JSONValue] {
    var fields = try commonFields()
    fields["attention_bias"] = .bool(
      try hasInAllLayers("attn_q.bias", layers: size("block_count")))
    for (key, field) in [
      ("embedding_scale", "embedding_multiplier"), ("residual_scale", "residual_multiplier"),
      ("logit_scale", "logits_scaling"), ("attention.scale", "attention_multiplier"),
    ] {
      if let scale = try double(key), scale != 0 { fields[field] = .number(scale) }
    }
    if fields["attention_multiplier"] == nil, case .integer(let head) = fields["head_dim"]! {
      fields["attention_multiplier"] = .number(1 / Double(head).squareRoot())
    }
    return fields
  }
}
