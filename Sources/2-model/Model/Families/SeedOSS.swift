// Seed-OSS: LLaMA with biases that are set apart for inputs and outputs of attention.

extension Family {
  static let seedOSS = Family(
    modelType: "seed_oss", className: "SeedOssForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("seed_oss", tensors: .ggufNames([.mlpNorm: "post_attention_norm"])) {
      metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["attention_out_bias"] = .bool(
        try metadata.hasInAllLayers("attn_output.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          keyValueHeads: 8, headDimension: config.isNull("head_dim") ? nil : 128,
          maxPositions: 524_288))
      let norm = try config.rmsNorm()
      let (tables, rotation) = try fields.rotary(config)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? true
      attention.outputBias = try config.bool("attention_out_bias") ?? false
      let bias = try config.bool("mlp_bias") ?? false
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputBias: bias, outputBias: bias, inputNorm: norm))
      return fields.architecture(
        name, "seed_oss", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["attention_out_bias"] = .bool(architecture.eachAttention.outputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })
}
