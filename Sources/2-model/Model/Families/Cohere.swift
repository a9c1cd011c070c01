import Input

// Command R7B: parallel parts behind one LayerNorm; layers with a window rotate, the others do not.

extension Family {
  static let cohere2 = Family(
    modelType: "cohere2", className: "Cohere2ForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("cohere2") { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      fields["layer_types"] = try metadata.layerTypes(layers, period: 4)
      fields["sliding_window"] = .integer(try metadata.int("attention.sliding_window") ?? 4096)
      fields["logit_scale"] = .number(try metadata.double("logit_scale") ?? 1)
      fields["attention_bias"] = .bool(try metadata.hasInAllLayers("attn_q.bias", layers: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          maxPositions: 8192, tiedEmbeddings: true,
          sizes: .init(
            hidden: 8192, intermediate: 22528, layers: 40, queryHeads: 64, vocabulary: 256_000)))
      guard fields.queryHeads * fields.headDimension == fields.hiddenSize else {
        throw InputError(
          "head_dim", problem: "is \(fields.headDimension)",
          expected: "hidden_size / num_attention_heads with this model_type")
      }
      let norm = Norm(.layer, epsilon: try config.double("layer_norm_eps") ?? 1e-5)
      let (tables, rotation) = try fields.rotary(config, interleaved: true)
      var attention = fields.attention(rotary: nil, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let mlp = MLP(
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        inputNorm: nil)
      try config.demand("use_qk_norm", .bool(false))
      try config.demand("use_parallel_block", .bool(true))
      try config.demand("use_gated_activation", .bool(true))
      try config.demand("position_embedding_type", .string("rope_gptj"))
      try config.demand("order_of_interleaved_layers", .string("local_attn_first"))
      try config.demand("rotary_pct", .number(1))
      try config.demand("layer_switch", .integer(4))
      config.ignore("use_parallel_embedding", "use_embedding_sharing")
      let window = try config.slidingWindow()
      let windowed = try config.windowedLayers(fields.layers, period: 4)
      var architecture = fields.architecture(
        name, "cohere2",
        layers: LayerStack(
          windowed.map { isWindowed in
            var attention = attention
            attention.window = isWindowed ? window : nil
            attention.rotary = attention.window == nil ? nil : rotation
            return Layer(attention: attention, mlp: mlp, arrangement: .parallelOneNorm)
          }), rotaries: tables, finalNorm: norm)
      architecture.logitScale = try config.double("logit_scale") ?? 0.0625
      return architecture
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["layer_norm_eps"] = fields.removeValue(forKey: "rms_norm_eps")
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["logit_scale"] = .number(architecture.logitScale)
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      fields["layer_types"] = architecture.layers.layerTypes
      return fields
    })
}
