// Nemotron and Minitron: LayerNorm whose weights store their distance from 1, partly turned heads, an
// MLP without a gate that squares its activation.

extension Family {
  static let nemotron = Family(
    modelType: "nemotron", className: "NemotronForCausalLM",
    tensors: .huggingFaceNames(normOffset: 1),
    // The converter adds the 1.
    gguf: GGUFFamily("nemotron") { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["norm_eps"] = fields.removeValue(forKey: "layer_norm_eps")
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["mlp_bias"] = .bool(try metadata.hasInAllLayers("ffn_up.bias", layers: layers))
      // Absent means all here, half in `config.json`.
      if fields["partial_rotary_factor"] == nil { fields["partial_rotary_factor"] = .number(1) }
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(maxPositions: 4096))
      let norm = Norm(.layer, epsilon: try config.double("norm_eps") ?? 1e-5, hasBias: true)
      let (tables, rotation) = try fields.rotary(config, partialFactor: 0.5)
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
        name, "nemotron", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["norm_eps"] = fields.removeValue(forKey: "rms_norm_eps")
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      return fields
    })
}
