import Input

// Qwen's mixtures: a shared expert with a factor of its own (1.5, 2), or none (3).

extension Family {
  static let qwen2MoE = qwenMoE("qwen2_moe", className: "Qwen2MoeForCausalLM")
  static let qwen3MoE = qwenMoE("qwen3_moe", className: "Qwen3MoeForCausalLM")

  private static func qwenMoE(_ modelType: String, className: String) -> Family {
    let isThird = modelType == "qwen3_moe"
    return Family(
      modelType: modelType, className: className,
      tensors: .huggingFace.experts(.init(shared: "shared_expert")),
      gguf: GGUFFamily(isThird ? "qwen3moe" : "qwen2moe") { metadata in
        var fields = try metadata.commonFields()
        let experts = try metadata.experts()
        try metadata.demandGating(.softmax)
        fields["num_experts"] = experts.count
        fields["num_experts_per_tok"] = experts.active
        fields["moe_intermediate_size"] = experts.width
        // Not in the metadata: llama.cpp does so.
        fields["norm_topk_prob"] = .bool(isThird)
        let bias = try metadata.hasInAllLayers("attn_q.bias", layers: metadata.layerCount())
        fields[isThird ? "attention_bias" : "qkv_bias"] = .bool(bias)
        if !isThird {
          fields["shared_expert_intermediate_size"] =
            metadata.value("expert_shared_feed_forward_length") ?? fields["intermediate_size"]
        }
        return fields
      },
      describesEachLayer: true,
      read: { name, config in
        let fields = try CommonFields(
          config,
          .init(keyValueHeads: isThird ? 4 : 16, maxPositions: 32_768))
        let norm = try config.rmsNorm()
        let (tables, rotation) = try fields.rotary(config)
        var attention = fields.attention(rotary: rotation, norm: norm)
        if isThird {
          attention.queryKeyNorm = .init(norm, .head)
          attention.inputBias = try config.bool("attention_bias") ?? false
          attention.outputBias = attention.inputBias
        } else {
          attention.inputBias = try config.bool("qkv_bias") ?? true
        }
        let activation = try config.activation()
        let shared = isThird ? nil : try config.int("shared_expert_intermediate_size") ?? 5632
        let experts = Experts(
          count: try config.int("num_experts") ?? config.int("num_local_experts")
            ?? (isThird ? 128 : 60),
          active: try config.int("num_experts_per_tok") ?? (isThird ? 8 : 4),
          intermediateSize: try config.int("moe_intermediate_size") ?? (isThird ? 768 : 1408),
          activation: activation,
          router: .init(renormalises: try config.bool("norm_topk_prob") ?? false),
          shared: shared.map { .init(intermediateSize: $0, isScaled: true) }, inputNorm: norm)
        let dense = MLP(
          intermediateSize: fields.intermediateSize, activation: activation, inputNorm: norm)
        let step = try config.interval("decoder_sparse_step")
        let denseLayers = try config.layerNumbers("mlp_only_layers", count: fields.layers) ?? []
        var layers = fields.layers(attention, dense: dense, experts: experts) {
          experts.count > 0 && !denseLayers.contains($0) && ($0 + 1) % step == 0
        }
        let (window, used) = (
          try config.slidingWindow(), try config.bool("use_sliding_window") ?? false
        )
        let spared = try config.int("max_window_layers") ?? 28
        let types = isThird ? nil : try config.windowedLayers(fields.layers)
        config.ignore("dual_chunk_attention_config")
        if used {
          layers = LayerStack(
            layers.enumerated().map { index, layer in
              // So transformers reads the fields of Qwen 2.
              let isWindowed = types?[index] ?? (isThird || index % 2 == 0 && index < spared)
              var layer = layer
              layer.attention?.window = isWindowed ? window : nil
              return layer
            })
        }
        return fields.architecture(
          name, modelType, layers: layers, rotaries: tables, finalNorm: norm)
      },
      write: { architecture in
        var fields = architecture.mixtureFields()
        let (experts, attention) = (architecture.firstExperts, architecture.firstAttention)
        fields["num_experts"] = architecture.expertCount
        fields["moe_intermediate_size"] = architecture.expertSize
        fields["norm_topk_prob"] = .bool(experts?.router.renormalises ?? false)
        fields["decoder_sparse_step"] = .integer(1)
        fields["mlp_only_layers"] = .array(architecture.denseLayers.map(JSONValue.integer))
        fields["use_sliding_window"] = .bool(architecture.hasWindows)
        if let window = architecture.layers.window {
          fields["sliding_window"] = .integer(window)
          if !isThird { fields["layer_types"] = architecture.layers.layerTypes }
        }
        fields[isThird ? "attention_bias" : "qkv_bias"] = .bool(attention?.inputBias ?? false)
        if !isThird {
          fields["shared_expert_intermediate_size"] = .integer(
            experts?.shared?.intermediateSize ?? 0)
        }
        return fields
      })
  }
}
