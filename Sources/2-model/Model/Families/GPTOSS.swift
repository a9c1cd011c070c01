import Input

// gpt-oss: scores of their own that attend to nothing, windows in every second layer, biases
// everywhere, a clamped SwiGLU in the experts.

extension Family {
  static let gptOSS = Family(
    modelType: "gpt_oss", className: "GptOssForCausalLM",
    tensors: .huggingFace.with { weight, layer, architecture in
      guard let layer else { return nil }
      let place = "model.layers.\(layer)."
      if weight.role == .sinks { return TensorSource(place + "self_attn.sinks") }
      guard let experts = architecture.layers[layer].experts else { return nil }
      let isBias = weight.form == .bias
      let total = 2 * experts.intermediateSize
      func stacked(_ name: String, _ arrangement: TensorSource.Arrangement) -> TensorSource {
        TensorSource(
          "\(place)mlp.experts.\(name)\(isBias ? "_bias" : "")", arrangement,
          slice: .init(weight.expert ?? 0, of: experts.count))
      }
      /// Gates and ups take turns.
      func half(_ part: Int) -> TensorSource {
        stacked(
          "gate_up_proj",
          isBias
            ? .interleaved(part: part, parts: 2, size: 1)
            : .transposed(first: part, total: total, step: 2))
      }
      switch weight.role {
      case .router: return TensorSource("\(place)mlp.router.\(isBias ? "bias" : "weight")")
      case .expertGate: return half(0)
      case .expertUp: return half(1)
      case .expertDown:
        return stacked(
          "down_proj", isBias ? .whole : .transposed(first: 0, total: weight.rows))
      default: return nil
      }
    },
    gguf: GGUFFamily(
      "gpt-oss", tensors: .ggufNames([.mlpNorm: "post_attention_norm"])
    ) { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.softmaxOfChosen)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size"] = experts.width
      fields["layer_types"] = try metadata.layerTypes(metadata.layerCount(), period: 2)
      fields["sliding_window"] = .integer(try metadata.size("attention.sliding_window"))
      // Metadata do not say so.
      if case .object(var scaling)? = fields["rope_scaling"] {
        scaling["truncate"] = .bool(false)
        fields["rope_scaling"] = .object(scaling)
      } else {
        fields["rope_parameters"] = .object([
          "rope_type": .string("default"),
          "rope_theta": fields.removeValue(forKey: "rope_theta") ?? .number(150_000),
        ])
      }
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 8, headDimension: 64, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 1e-5)
      var (tables, rotation) = try fields.rotary(config, theta: 150_000)
      if try ConfigReader.rotaryFields.allSatisfy({ try config.rotaryParameters($0) == nil }) {
        tables[0].scaling = .yarn(
          .init(
            factor: 32, originalMaxPositions: 4096, truncates: false,
            attentionFactor: RotaryEmbedding.YaRN.magnitude(32)))
      }
      try config.demand("hidden_act", .string("silu"))
      try config.demand("swiglu_limit", .number(7))
      try config.demand("swiglu_alpha", .number(1.702))
      // The same as fields beside them.
      config.ignore("experts_per_token", "initial_context_length")
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? true
      attention.outputBias = attention.inputBias
      attention.hasSinks = true
      let window = try config.slidingWindow(default: 128)
      let windowed =
        try config.windowedLayers(fields.layers) ?? (0..<fields.layers).map { $0 % 2 == 0 }
      let experts = Experts(
        count: try config.int("num_local_experts") ?? 128,
        active: try config.int("num_experts_per_tok") ?? 4,
        intermediateSize: fields.intermediateSize, activation: .clampedSwiGLU, hasBias: true,
        router: .init(renormalises: true, hasBias: true), inputNorm: norm)
      return fields.architecture(
        name, "gpt_oss",
        layers: LayerStack(
          windowed.map { isWindowed in
            var attention = attention
            attention.window = isWindowed ? window : nil
            return Layer(mixer: .attention(attention), feedForward: .experts(experts))
          }), rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      fields["num_local_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      fields["attention_bias"] = .bool(architecture.firstAttention?.inputBias ?? false)
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      fields["layer_types"] = architecture.layers.layerTypes
      // Without scaling, older fields mean YaRN.
      for field in ["rope_theta", "rope_scaling"] { fields[field] = nil }
      fields["rope_parameters"] = architecture.rotaries.first?.parameters()
      return fields
    })
}
