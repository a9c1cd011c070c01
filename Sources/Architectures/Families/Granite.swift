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
      let norm = try config.rmsNorm()
      let (tables, rotation) = try fields.rotary(config)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      attention.scale = try config.double("attention_multiplier") ?? 1
      let bias = try config.bool("mlp_bias") ?? false
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputBias: bias, outputBias: bias, inputNorm: norm),
        residualScale: try config.double("residual_multiplier") ?? 1)
      var architecture = fields.architecture(
        name, "granite", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
      architecture.embeddingScale = try config.double("embedding_multiplier") ?? 1
      architecture.logitScale = 1 / (try config.double("logits_scaling") ?? 1)
      return architecture
    },
    write: { architecture in
      let attention = architecture.eachAttention
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(attention.inputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      fields["attention_multiplier"] = .number(attention.scoreScale)
      fields["residual_multiplier"] = .number(architecture.layers[0].residualScale)
      fields["embedding_multiplier"] = .number(architecture.embeddingScale)
      fields["logits_scaling"] = field(
        1 / architecture.logitScale, giving: architecture.logitScale
      ) { 1 / $0 }
      return fields
    })

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
