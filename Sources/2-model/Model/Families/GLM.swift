// GLM-4 (0414): norms before and after each part, fused gate and up, half of a head turned in
// neighbouring pairs.

extension Family {
  static let glm4 = Family(
    modelType: "glm4", className: "Glm4ForCausalLM",
    tensors: .huggingFaceNames([
      .attentionOutputNorm: "post_self_attn_layernorm", .mlpOutputNorm: "post_mlp_layernorm",
    ]).fused(layers: ("model.layers.", "."), gateUp: "mlp.gate_up_proj"),
    gguf: GGUFFamily("glm4", tensors: .gguf.fused(layers: ("blk.", "."), gateUp: "ffn_up")) {
      metadata in
      var fields = try metadata.commonFields()
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: metadata.size("block_count")))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 2, headDimension: 128, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 0.00000015625)
      let (tables, rotation) = try fields.rotary(config, partialFactor: 0.5, interleaved: true)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? true
      attention.outputNorm = norm
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm, outputNorm: norm))
      return fields.architecture(
        name, "glm4", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      return fields
    })
}
