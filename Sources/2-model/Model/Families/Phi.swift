import Input

// Phi 3, 3.5, 4 and 4-mini: LLaMA with fused projections, LongRoPE and partly turned heads.

extension Family {
  static let phi3 = Family(
    modelType: "phi3", className: "Phi3ForCausalLM",
    tensors: .huggingFace.fused(
      layers: ("model.layers.", "."), queryKeyValue: "self_attn.qkv_proj",
      gateUp: "mlp.gate_up_proj"),
    gguf: GGUFFamily(
      "phi3",
      tensors: .gguf.fused(layers: ("blk.", "."), queryKeyValue: "attn_qkv", gateUp: "ffn_up")
    ) { metadata in
      var fields = try metadata.commonFields()
      fields["original_max_position_embeddings"] =
        metadata.value("rope.scaling.original_context_length")
        ?? fields["max_position_embeddings"]
      if let window = try metadata.int("attention.sliding_window"), window > 0 {
        fields["sliding_window"] = .integer(window)
      }
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(maxPositions: 4096))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, partialFactor: 1, original: 4096)
      for field in ["attention_bias", "mlp_bias", "lm_head_bias"] {
        try config.demand(field, .bool(false))
      }
      // Of code that the models were published with, and off there.
      for field in ["full_attn_mod", "interpolate_factor"] {
        try config.demand(field, .integer(1))
      }
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.window = try config.slidingWindow(default: nil)
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm))
      return fields.architecture(
        name, "phi3", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      if case .longrope(_, _, let original, _) = architecture.rotaries[0].scaling {
        fields["original_max_position_embeddings"] = .integer(original)
      }
      return fields
    })
}

extension TensorNames {
  /// The same with projections that lie in one tensor: queries, keys and values one after another,
  /// gates before ups.
  func fused(
    layers: (before: String, after: String), queryKeyValue: String? = nil, gateUp: String? = nil
  ) -> TensorNames {
    with { weight, layer, architecture in
      guard let layer else { return nil }
      func part(_ name: String, first: Int, total: Int) -> TensorSource {
        TensorSource(
          "\(layers.before)\(layer)\(layers.after)\(name)."
            + (weight.form == .bias ? "bias" : "weight"), .rows(first: first, total: total))
      }
      let (attention, mlp) = (
        architecture.layers[layer].attention, architecture.layers[layer].mlp
      )
      switch weight.role {
      case .query, .key, .value:
        guard let queryKeyValue, let attention else { return nil }
        let first =
          switch weight.role {
          case .query: 0
          case .key: attention.queryWidth
          default: attention.queryWidth + attention.keyValueWidth
          }
        return part(queryKeyValue, first: first, total: attention.inputWidth)
      case .gate, .up:
        guard let gateUp, let mlp, mlp.isGated else { return nil }
        return part(
          gateUp, first: weight.role == .gate ? 0 : mlp.intermediateSize,
          total: 2 * mlp.intermediateSize)
      default: return nil
      }
    }
  }
}
