import Input

// SmolLM 3: LLaMA with layers that do not rotate.

extension Family {
  static let smollm3 = Family(
    modelType: "smollm3", className: "SmolLM3ForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("smollm3", interleavedRotary: true) { try $0.commonFields() },
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 4, maxPositions: 32_768, tiedEmbeddings: true))
      let norm = try config.rmsNorm()
      let (tables, rotation) = try fields.rotary(config, theta: 2_000_000)
      let rotates = try config.rotatingLayers(fields.layers, interval: 4)
      var attention = fields.attention(rotary: nil, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let bias = try config.bool("mlp_bias") ?? false
      let mlp = MLP(
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        inputBias: bias, outputBias: bias, inputNorm: norm)
      let window = try config.int("sliding_window")
      let used = try config.bool("use_sliding_window") ?? false
      // Without `layer_types`, the layers that do not rotate have the window.
      let windowed = try config.windowedLayers(fields.layers) ?? rotates.map { !$0 }
      config.ignore("max_window_layers")
      return fields.architecture(
        name, "smollm3",
        layers: LayerStack(
          zip(windowed, rotates).map { isWindowed, isRotating in
            var attention = attention
            attention.window = used && isWindowed ? window : nil
            attention.rotary = isRotating ? rotation : nil
            return Layer(attention: attention, mlp: mlp)
          }), rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["attention_bias"] = .bool(architecture.eachAttention.inputBias)
      fields["mlp_bias"] = .bool(architecture.eachMLP.inputBias)
      fields["no_rope_layers"] = architecture.layers.rotatingLayers
      fields["layer_types"] = architecture.layers.layerTypes
      fields["use_sliding_window"] = .bool(architecture.layers.window != nil)
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      return fields
    })
}

extension ConfigReader {
  /// `no_rope_layers`, where 1 means that the layer rotates, else all but every `interval`-th layer.
  func rotatingLayers(_ count: Int, interval: Int) throws -> [Bool] {
    let interval = try int("no_rope_layer_interval") ?? interval
    guard let flags = try array("no_rope_layers"), !flags.isEmpty else {
      guard interval > 0 else {
        throw InputError(
          "no_rope_layer_interval", problem: "is \(interval)", expected: "1 or more")
      }
      return (1...count).map { $0 % interval != 0 }
    }
    guard flags.count >= count else {
      throw InputError(
        "no_rope_layers", problem: "has \(flags.count) entries",
        expected: "num_hidden_layers, \(count)")
    }
    return try flags.prefix(count).map { flag in
      switch flag {
      case .integer(1), .bool(true): return true
      case .integer(0), .bool(false): return false
      default: throw InputError("no_rope_layers", problem: "holds \(flag.kind)", expected: "0 or 1")
      }
    }
  }
}

extension LayerStack {
  /// `no_rope_layers` of these layers.
  var rotatingLayers: JSONValue {
    .array(map { .integer($0.attention?.rotary == nil ? 0 : 1) })
  }
}
