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
}
