extension Family {
  /// LLaMA and the many models that are published in its form.
  static let llama = Family(
    modelType: "llama", className: "LlamaForCausalLM", tensors: .huggingFace,
    // LLaMA's converter reorders query and key rows so that turned pairs are neighbours.
    gguf: GGUFFamily("llama", interleavedRotary: true) { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config)
      let norm = try config.rmsNorm()
      let rope = try config.rotary(
        headDimension: fields.headDimension, maxPositions: fields.maxPositions)
      var attention = fields.attention(
        rotary: .init(dimensions: rope.dimensions(ofHead: fields.headDimension)), norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let bias = try config.bool("mlp_bias") ?? false
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputBias: bias, outputBias: bias, inputNorm: norm))
      // A window of another family, or one that is off, changes nothing in transformers.
      config.ignore("sliding_window", "layer_types", "max_window_layers", "use_sliding_window")
      return fields.architecture(
        name, "llama", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: [rope.rotary], finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.commonFields()
      let (attention, mlp) = (architecture.eachAttention, architecture.eachMLP)
      fields.merge(architecture.rotaries[0].fields(partialFactor: attention.rotaryShare)) { $1 }
      fields["rms_norm_eps"] = .number(architecture.finalNorm.epsilon)
      fields["hidden_act"] = .string(mlp.activation.configName)
      fields["attention_bias"] = .bool(attention.inputBias)
      fields["mlp_bias"] = .bool(mlp.inputBias)
      return fields
    })
}

extension Attention {
  /// The turned share of a head.
  var rotaryShare: Double {
    Double(rotary?.dimensions ?? 0) / Double(headDimension)
  }
}
