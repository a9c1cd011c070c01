// Arcee (AFM): LLaMA with an MLP that has no gate and squares its activation.

extension Family {
  static let arcee = Family(
    modelType: "arcee", className: "ArceeForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("arcee", interleavedRotary: true) { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(maxPositions: 4096))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let bias = try config.bool("mlp_bias") ?? false
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize,
          activation: try config.activation(default: "relu2"), isGated: false, inputBias: bias,
          outputBias: bias, inputNorm: norm))
      return fields.architecture(
        name, "arcee", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })
}
