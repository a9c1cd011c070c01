extension Family {
  /// LLaMA and the many models that are published in its form.
  static let llama = Family(
    modelType: "llama", className: "LlamaForCausalLM", tensors: .huggingFace,
    // LLaMA's converter reorders query and key rows so that turned pairs are neighbours.
    gguf: GGUFFamily(
      "llama", interleavedRotary: true, matches: { try $0.int("expert_count") ?? 0 == 0 }
    ) { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
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
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })
}

extension Attention {
  /// The turned share of a head.
  var rotaryShare: Double {
    RotaryFields.share(rotary?.dimensions ?? 0, ofHead: headDimension)
  }
}
