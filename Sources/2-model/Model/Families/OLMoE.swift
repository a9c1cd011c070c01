import Input

extension Family {
  static let olmoe = Family(
    modelType: "olmoe", className: "OlmoeForCausalLM", tensors: .huggingFace.experts(),
    gguf: GGUFFamily("olmoe") { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.softmax)
      fields["num_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_q.bias", layers: metadata.layerCount()))
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config, .init(maxPositions: 4096))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config)
      try config.demand("clip_qkv", .null)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.queryKeyNorm = .init(norm, .allHeads)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let experts = Experts(
        count: try config.int("num_experts") ?? 64,
        active: try config.int("num_experts_per_tok") ?? 8,
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        router: .init(renormalises: try config.bool("norm_topk_prob") ?? false), inputNorm: norm)
      let layer = Layer(mixer: .attention(attention), feedForward: .experts(experts))
      return fields.architecture(
        name, "olmoe", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      fields["num_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      fields["attention_bias"] = .bool(architecture.firstAttention?.inputBias ?? false)
      fields["norm_topk_prob"] = .bool(architecture.firstExperts?.router.renormalises ?? false)
      return fields
    })
}
