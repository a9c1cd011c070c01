import Input

// OLMo 2 and 3: parts read the residual stream itself and are normed before they are added; queries
// and keys are normed over all heads. OLMo 3 has windows, and turns its two types of layer apart.

extension Family {
  static let olmo2 = olmo("olmo2", className: "Olmo2ForCausalLM")
  static let olmo3 = olmo("olmo3", className: "Olmo3ForCausalLM")

  private static func olmo(_ modelType: String, className: String) -> Family {
    let isThird = modelType == "olmo3"
    return Family(
      modelType: modelType, className: className, tensors: .huggingFace,
      gguf: GGUFFamily(
        "olmo2",
        matches: { (try $0.int("attention.sliding_window") ?? 0 > 0) == isThird }
      ) { metadata in
        var fields = try metadata.commonFields()
        if let local = try metadata.double("rope.freq_base_swa"),
          local != (try metadata.double("rope.freq_base") ?? 10_000)
        {
          throw InputError(
            "olmo2.rope.freq_base_swa", problem: "is \(local)", expected: "rope.freq_base")
        }
        if isThird {
          fields["sliding_window"] = metadata.value("attention.sliding_window")
          fields["layer_types"] = try metadata.layerTypes(
            metadata.size("block_count"), period: 4)
        }
        return fields
      },
      read: { name, config in
        let fields = try CommonFields(config)
        let norm = try config.rmsNorm(default: 1e-5)
        let rotary =
          isThird
          ? try config.rotaryByLayerType(
            fields, theta: 500_000, localTheta: 500_000, localField: nil)
          : LayerRotaries(all: try fields.rotary(config))
        var attention = fields.attention(rotary: nil, norm: nil)
        attention.outputNorm = norm
        attention.queryKeyNorm = .init(norm, .allHeads)
        attention.inputBias = try config.bool("attention_bias") ?? false
        attention.outputBias = attention.inputBias
        let mlp = MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: nil, outputNorm: norm)
        let window = isThird ? try config.slidingWindow() : nil
        let windowed =
          isThird
          ? try config.windowedLayers(fields.layers, period: 4)
          : Array(repeating: false, count: fields.layers)
        return fields.architecture(
          name, modelType,
          layers: LayerStack(
            windowed.map { isWindowed in
              var attention = attention
              attention.window = isWindowed ? window : nil
              attention.rotary = rotary.rotation(isWindowed: isWindowed)
              return Layer(attention: attention, mlp: mlp)
            }), rotaries: rotary.tables, finalNorm: norm)
      },
      write: { architecture in
        var fields = architecture.rmsFields()
        fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
        if isThird {
          fields["sliding_window"] = .integer(architecture.layers.window ?? 4096)
          fields["layer_types"] = architecture.layers.layerTypes
          fields.merge(architecture.rotaryByLayerType()) { $1 }
        }
        return fields
      })
  }
}
