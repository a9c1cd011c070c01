import Input

// GPT-2 and GPT-NeoX (Pythia): LayerNorm with biases, MLPs without a gate, fused projections.

extension Family {
  static let gptNeoX = Family(
    modelType: "gpt_neox", className: "GPTNeoXForCausalLM",
    tensors: .plain(
      defaults: [
        .embedding: "gpt_neox.embed_in", .attentionNorm: "input_layernorm",
        .attentionOutput: "attention.dense", .mlpNorm: "post_attention_layernorm",
        .up: "mlp.dense_h_to_4h", .down: "mlp.dense_4h_to_h",
        .finalNorm: "gpt_neox.final_layer_norm", .head: "embed_out",
      ], layers: ("gpt_neox.layers.", "."),
      surplus: TensorNames.buffers
    ).with { weight, layer, architecture in
      let parts: [WeightRole] = [.query, .key, .value]
      guard let layer, let part = parts.firstIndex(of: weight.role) else { return nil }
      return TensorSource(
        "gpt_neox.layers.\(layer).attention.query_key_value."
          + (weight.form == .bias ? "bias" : "weight"),
        .interleaved(part: part, parts: 3, size: architecture.headDimension))
    },
    // The converter puts all queries before all keys before all values.
    gguf: GGUFFamily(
      "gptneox", tensors: .gguf.fused(layers: ("blk.", "."), queryKeyValue: "attn_qkv")
    ) { metadata in
      var fields = try metadata.commonFields()
      if let isParallel = try metadata.bool("use_parallel_residual") {
        fields["use_parallel_residual"] = .bool(isParallel)
      }
      fields["attention_bias"] = .bool(
        try metadata.hasInAllLayers("attn_qkv.bias", layers: metadata.size("block_count")))
      // Absent means all here, a quarter in `config.json`.
      if fields["partial_rotary_factor"] == nil { fields["partial_rotary_factor"] = .number(1) }
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config)
      try fields.demandOwnKeyValueHeads()
      let norm = Norm(
        .layer, epsilon: try config.double("layer_norm_eps") ?? 1e-5, hasBias: true)
      let share = try config.double("rotary_pct") ?? 0.25
      let (tables, rotation) = try fields.rotary(
        config, theta: try config.double("rotary_emb_base") ?? 10_000, partialFactor: share)
      var attention = fields.attention(rotary: rotation, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? true
      attention.outputBias = attention.inputBias
      let isParallel = try config.bool("use_parallel_residual") ?? true
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize,
          activation: try config.activation(default: "gelu"), isGated: false, inputBias: true,
          outputBias: true, inputNorm: norm),
        arrangement: isParallel ? .parallel : .sequential)
      return fields.architecture(
        name, "gpt_neox", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["layer_norm_eps"] = fields.removeValue(forKey: "rms_norm_eps")
      fields["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["use_parallel_residual"] = .bool(architecture.layers[0].arrangement == .parallel)
      return fields
    })

  static let gpt2 = Family(
    modelType: "gpt2", className: "GPT2LMHeadModel",
    tensors: .plain(
      defaults: [
        .embedding: "transformer.wte", .positions: "transformer.wpe", .attentionNorm: "ln_1",
        .mlpNorm: "ln_2", .finalNorm: "transformer.ln_f", .head: "lm_head",
      ], layers: ("transformer.h.", "."), surplus: TensorNames.buffers
    ).with { weight, layer, architecture in
      guard let layer, let attention = architecture.layers[layer].attention else { return nil }
      // Matrices are stored with their inputs as rows.
      func part(_ name: String, first: Int = 0, total: Int) -> TensorSource {
        let place = "transformer.h.\(layer).\(name)."
        return weight.form == .bias
          ? TensorSource(place + "bias", .rows(first: first, total: total))
          : TensorSource(place + "weight", .transposed(first: first, total: total))
      }
      let (query, keyValue, all) = (
        attention.queryWidth, attention.keyValueWidth, attention.inputWidth
      )
      switch weight.role {
      case .query: return part("attn.c_attn", total: all)
      case .key: return part("attn.c_attn", first: query, total: all)
      case .value: return part("attn.c_attn", first: query + keyValue, total: all)
      case .attentionOutput: return part("attn.c_proj", total: weight.rows)
      case .up: return part("mlp.c_fc", total: weight.rows)
      case .down: return part("mlp.c_proj", total: weight.rows)
      default: return nil
      }
    },
    gguf: GGUFFamily(
      "gpt2", tensors: .gguf.fused(layers: ("blk.", "."), queryKeyValue: "attn_qkv")
    ) { metadata in
      let common = try metadata.commonFields()
      var fields: [String: JSONValue] = [:]
      for (field, known) in [
        ("n_embd", "hidden_size"), ("n_head", "num_attention_heads"),
        ("n_layer", "num_hidden_layers"), ("n_positions", "max_position_embeddings"),
        ("n_inner", "intermediate_size"), ("vocab_size", "vocab_size"),
        ("layer_norm_epsilon", "layer_norm_eps"),
        ("tie_word_embeddings", "tie_word_embeddings"),
      ] {
        fields[field] = common[known]
      }
      return fields
    },
    read: { name, config in
      let hiddenSize = try config.size("n_embd", or: "hidden_size")
      let heads = try config.size("n_head", or: "num_attention_heads")
      let layers = try config.size("n_layer", or: "num_hidden_layers")
      let positions = try config.size("n_positions", or: "max_position_embeddings")
      config.ignore("n_ctx", "reorder_and_upcast_attn")
      try checkSize("n_embd", hiddenSize, atMost: Limits.hiddenSize)
      try checkSize("n_layer", layers, atMost: Limits.layers)
      guard heads > 0, hiddenSize % heads == 0 else {
        throw InputError(
          "n_head", problem: "\(heads) does not divide n_embd \(hiddenSize)", expected: "a divisor")
      }
      let isScaled = try config.bool("scale_attn_weights") ?? true
      let isScaledByLayer = try config.bool("scale_attn_by_inverse_layer_idx") ?? false
      try config.demand("add_cross_attention", .bool(false))
      let norm = Norm(
        .layer, epsilon: try config.double("layer_norm_epsilon") ?? 1e-5, hasBias: true)
      let layer = Layer(
        attention: Attention(
          queryHeads: heads, keyValueHeads: heads, headDimension: hiddenSize / heads,
          inputBias: true, outputBias: true, inputNorm: norm),
        mlp: MLP(
          intermediateSize: try config.int("n_inner") ?? 4 * hiddenSize,
          activation: try config.activation("activation_function", default: "gelu_new"),
          isGated: false, inputBias: true, outputBias: true, inputNorm: norm))
      return Architecture(
        name: name, modelType: "gpt2", hiddenSize: hiddenSize,
        vocabularySize: try config.size("vocab_size"), maxPositions: positions,
        learnedPositions: positions,
        layers: LayerStack(
          (0..<layers).map { index in
            var layer = layer
            if !isScaled || isScaledByLayer {
              layer.attention?.scale =
                (isScaled ? 1 / Double(hiddenSize / heads).squareRoot() : 1)
                / (isScaledByLayer ? Double(index + 1) : 1)
            }
            return layer
          }),
        rotaries: [], finalNorm: norm,
        tiedEmbeddings: try config.bool("tie_word_embeddings") ?? true)
    },
    write: { architecture in
      let scales = architecture.layers.prefix(2).map { $0.attention?.scoreScale }
      let plain = 1 / Double(architecture.headDimension).squareRoot()
      return [
        "scale_attn_weights": .bool(scales[0] == plain),
        "scale_attn_by_inverse_layer_idx": .bool(scales.count > 1 && scales[1] != scales[0]),
        "n_embd": .integer(architecture.hiddenSize), "n_head": .integer(architecture.queryHeads),
        "n_layer": .integer(architecture.layers.count),
        "n_positions": .integer(architecture.learnedPositions),
        "n_inner": .integer(architecture.intermediateSize),
        "vocab_size": .integer(architecture.vocabularySize),
        "layer_norm_epsilon": .number(architecture.finalNorm.epsilon),
        "activation_function": .string(architecture.eachMLP.activation.configName),
        "tie_word_embeddings": .bool(architecture.tiedEmbeddings),
      ]
    })
}

extension CommonFields {
  /// For families whose attention has no groups and whose heads share the hidden size.
  fileprivate func demandOwnKeyValueHeads() throws {
    guard keyValueHeads == queryHeads else {
      throw InputError(
        "num_key_value_heads", problem: "is \(keyValueHeads)",
        expected: "num_attention_heads, \(queryHeads)")
    }
    guard queryHeads * headDimension == hiddenSize else {
      throw InputError(
        "head_dim", problem: "is \(headDimension)",
        expected: "hidden_size / num_attention_heads with this model_type")
    }
  }
}
