import Input

// EXAONE 4: parts read the residual stream itself and are normed before they are added, as OLMo 2's;
// heads are normed one by one. Where layers have windows, those without one do not rotate.

extension Family {
  static let exaone4 = Family(
    modelType: "exaone4", className: "Exaone4ForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("exaone4") { metadata in
      var fields = try metadata.commonFields()
      let layers = try metadata.size("block_count")
      let window = try metadata.int("attention.sliding_window") ?? 0
      fields["sliding_window"] = window > 0 ? .integer(window) : .null
      fields["layer_types"] =
        window > 0
        ? try metadata.layerTypes(layers, period: 4)
        : .array(Array(repeating: .string("full_attention"), count: layers))
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(config, .init(keyValueHeads: 32))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config)
      var attention = fields.attention(rotary: nil, norm: nil)
      attention.outputNorm = norm
      attention.queryKeyNorm = .init(norm, .head)
      let mlp = MLP(
        intermediateSize: fields.intermediateSize, activation: try config.activation(),
        inputNorm: nil, outputNorm: norm)
      let window = try config.slidingWindow()
      let windowed = try config.exaoneWindows(fields.layers, hasWindow: window != nil)
      return fields.architecture(
        name, "exaone4",
        layers: LayerStack(
          windowed.map { isWindowed in
            var attention = attention
            attention.window = isWindowed ? window : nil
            attention.rotary = window == nil || isWindowed ? rotation : nil
            return Layer(attention: attention, mlp: mlp)
          }), rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.rmsFields()
      fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
      fields["layer_types"] = architecture.layers.layerTypes
      return fields
    })
}

extension ConfigReader {
  /// `layer_types`, else `sliding_window_pattern`: a number, or a letter a layer, L for a window and G
  /// for none.
  fileprivate func exaoneWindows(_ count: Int, hasWindow: Bool) throws -> [Bool] {
    if case .string(let letters) = object["sliding_window_pattern"] {
      _ = try string("sliding_window_pattern")
      guard !letters.isEmpty, letters.allSatisfy({ "LG".contains($0) }) else {
        throw InputError(
          "sliding_window_pattern", problem: "is \"\(letters.prefix(60))\"",
          expected: "a number, or the letters L and G")
      }
      let pattern = letters.map { $0 == "L" }
      return try windowedLayers(count) ?? (0..<count).map { pattern[$0 % pattern.count] }
    }
    guard hasWindow else {
      ignore("sliding_window_pattern")
      return try windowedLayers(count) ?? Array(repeating: false, count: count)
    }
    return try windowedLayers(count, period: 4)
  }
}
