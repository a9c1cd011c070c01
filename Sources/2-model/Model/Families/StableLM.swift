import Input

// StableLM 2: LayerNorm with biases, a quarter of a head turned; 12B with parallel parts and a norm
// for each query and key head.

extension Family {
  static let stablelm = Family(
    modelType: "stablelm", className: "StableLmForCausalLM",
    tensors: .huggingFace.with { weight, layer, architecture in
      guard let layer, let attention = architecture.layers[layer].attention else { return nil }
      let (part, heads): (String, Int)
      switch weight.role {
      case .queryNorm: (part, heads) = ("q", attention.queryHeads)
      case .keyNorm: (part, heads) = ("k", attention.keyValueHeads)
      default: return nil
      }
      return TensorSource(
        (0..<heads).map { "model.layers.\(layer).self_attn.\(part)_layernorm.norms.\($0).weight" })
    },
    gguf: GGUFFamily("stablelm") { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      _ = try metadata.bool("use_parallel_residual")  // the tensors decide, as in llama.cpp
      fields["use_qkv_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      fields["qk_layernorm"] = .bool(
        try metadata.hasInAllLayers("attn_q_norm.weight", layers: layers))
      fields["use_parallel_residual"] = .bool(
        try !metadata.hasInAllLayers("ffn_norm.weight", layers: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(keyValueHeads: 32, maxPositions: 4096))
      guard fields.queryHeads * fields.headDimension == fields.hiddenSize else {
        throw InputError(
          "head_dim", problem: "is \(fields.headDimension)",
          expected: "hidden_size / num_attention_heads with this model_type")
      }
      let epsilon =
        try config.double("layer_norm_eps") ?? config.double("norm_eps") ?? 1e-5
      let norm = Norm(.layer, epsilon: epsilon, hasBias: true)
      config.ignore("norm_eps")
      try config.demand("rotary_scaling_factor", .number(1))
      // Older configurations say it as `rope_pct`.
      let share = try config.double("rope_pct") ?? 0.25
      let (tables, rotation) = try fields.rotary(config, partialFactor: share)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("use_qkv_bias") ?? false
      if try config.bool("qk_layernorm") ?? false {
        attention.queryKeyNorm = .init(Norm(.layer, epsilon: epsilon), .eachHead)
      }
      let isParallel = try config.bool("use_parallel_residual") ?? false
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: isParallel ? nil : norm),
        arrangement: isParallel ? .parallelOneNorm : .sequential)
      return fields.architecture(
        name, "stablelm", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      let attention = architecture.eachAttention
      var fields = architecture.rmsFields()
      fields["layer_norm_eps"] = fields.removeValue(forKey: "rms_norm_eps")
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      fields["use_qkv_bias"] = .bool(attention.inputBias)
      fields["qk_layernorm"] = .bool(attention.queryKeyNorm != nil)
      fields["use_parallel_residual"] = .bool(
        architecture.layers[0].arrangement == .parallelOneNorm)
      return fields
    })
}
