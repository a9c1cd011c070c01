import Input

// Qwen's dense models. Windows are off unless `use_sliding_window`, and spare the layers before
// `max_window_layers`.

extension Family {
  static let qwen2 = qwen("qwen2", className: "Qwen2ForCausalLM")
  static let qwen3 = qwen("qwen3", className: "Qwen3ForCausalLM")

  private static func qwen(_ modelType: String, className: String) -> Family {
    let isThird = modelType == "qwen3"
    return Family(
      modelType: modelType, className: className, tensors: .huggingFace,
      gguf: GGUFFamily(modelType) { metadata in
        var fields = try metadata.commonFields()
        let bias = try metadata.hasInAllLayers(
          "attn_q.bias", layers: try metadata.size("block_count"))
        if isThird {
          fields["attention_bias"] = .bool(bias)
        } else if !bias {
          throw InputError(
            "tensor blk.0.attn_q.bias", problem: "is missing", expected: "it in all layers")
        }
        if let window = try metadata.int("attention.sliding_window"), window > 0 {
          fields["sliding_window"] = .integer(window)
          fields["use_sliding_window"] = .bool(true)
          fields["max_window_layers"] = .integer(0)
        }
        return fields
      },
      read: { name, config in
        let fields = try CommonFields(
          config,
          .init(
            keyValueHeads: 32, headDimension: isThird ? 128 : nil, maxPositions: 32_768))
        let norm = try config.rmsNorm()
        let (tables, rotation) = try fields.rotary(config)
        var attention = fields.attention(rotary: rotation, norm: norm)
        if isThird {
          attention.queryKeyNorm = .init(norm, .head)
          attention.inputBias = try config.bool("attention_bias") ?? false
          attention.outputBias = attention.inputBias
        } else {
          attention.inputBias = true
        }
        let mlp = MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm)
        let spared = max(0, try config.int("max_window_layers") ?? 28)
        let window = try config.slidingWindow()
        let used = try config.bool("use_sliding_window") ?? false
        let windowed =
          try config.windowedLayers(fields.layers) ?? (0..<fields.layers).map { $0 >= spared }
        // Attention over chunks beyond the original length, which vLLM has and transformers has not.
        config.ignore("dual_chunk_attention_config")
        return fields.architecture(
          name, modelType,
          layers: LayerStack(
            windowed.map { windowed in
              var attention = attention
              attention.window = used && windowed ? window : nil
              return Layer(attention: attention, mlp: mlp)
            }), rotaries: tables, finalNorm: norm)
      },
      write: { architecture in
        var fields = architecture.rmsFields()
        let window = architecture.layers.window
        fields["use_sliding_window"] = .bool(window != nil)
        if let window {
          fields["sliding_window"] = .integer(window)
          let windowed = architecture.layers.map { $0.attention?.window != nil }
          let spared = windowed.firstIndex(of: true) ?? windowed.count
          if windowed[spared...].allSatisfy({ $0 }) {
            fields["max_window_layers"] = .integer(spared)
          } else {
            fields["layer_types"] = architecture.layers.layerTypes
          }
        }
        if isThird { fields["attention_bias"] = .bool(architecture.eachAttention.inputBias) }
        return fields
      })
  }
}
