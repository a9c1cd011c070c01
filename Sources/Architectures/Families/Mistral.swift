extension Family {
  static let mistral = Family(
    modelType: "mistral", className: "MistralForCausalLM", tensors: .huggingFace,
    read: { name, config in
      let fields = try CommonFields(config, .init(keyValueHeads: 8, maxPositions: 131_072))
      let norm = try config.rmsNorm()
      let rope = try config.rotary(
        headDimension: fields.headDimension, maxPositions: fields.maxPositions)
      var attention = fields.attention(
        rotary: .init(dimensions: rope.dimensions(ofHead: fields.headDimension)), norm: norm)
      attention.window = try config.slidingWindow()
      let layer = Layer(
        attention: attention,
        mlp: MLP(
          intermediateSize: fields.intermediateSize, activation: try config.activation(),
          inputNorm: norm))
      if let windowed = try config.windowedLayers(fields.layers),
        windowed.contains(where: { $0 != (attention.window != nil) })
      {
        throw InputError(
          "layer_types", problem: "does not agree with sliding_window",
          expected: attention.window == nil ? "full_attention" : "sliding_attention")
      }
      return fields.architecture(
        name, "mistral", layers: LayerStack(repeating: layer, count: fields.layers),
        rotaries: [rope.rotary], finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.commonFields()
      fields.merge(
        architecture.rotaries[0].fields(partialFactor: architecture.eachAttention.rotaryShare)
      ) { $1 }
      fields["rms_norm_eps"] = .number(architecture.finalNorm.epsilon)
      fields["hidden_act"] = .string(architecture.eachMLP.activation.configName)
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      return fields
    })
}

extension ConfigReader {
  /// `sliding_window`: transformers' default where the field is absent; an explicit null means none.
  func slidingWindow(default positions: Int = 4096) throws -> Int? {
    isNull("sliding_window") ? nil : try int("sliding_window") ?? positions
  }
}
