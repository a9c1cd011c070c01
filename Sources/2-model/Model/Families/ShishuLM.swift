import Input

// Our own words for LLaMAs whose layers differ, documented in docs/architectures.md: layers without
// attention and shared weights (ShishuLM, arXiv 2510.13860), pruned widths (SAAP, arXiv 2412.15127),
// windows and rotation by layer.

extension Family {
  static let shishulm = Family(
    modelType: "shishulm", className: "ShishuLMForCausalLM", tensors: .huggingFace,
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config)
      let count = fields.layers
      let parts = try LlamaParts(config, fields, partialFactor: 1)
      let lists = try LayerLists(config, fields)
      let outputBias = try config.bool("attention_out_bias") ?? parts.attention.inputBias
      let isNormed = try config.bool("use_qk_norm") ?? false
      let layers = (0..<count).map { layer in
        var (attention, mlp) = (Attention?.none, MLP?.none)
        if !lists.attentionFree.contains(layer) {
          var own = parts.attention
          own.outputBias = outputBias
          own.queryKeyNorm = isNormed ? .init(parts.norm, .head) : nil
          own.resizeHeads(to: lists.headDimensions[layer])
          own.queryHeads = lists.queryHeads[layer]
          own.keyValueHeads = lists.keyValueHeads[layer]
          own.window = lists.windows[layer]
          if !lists.rotates[layer] { own.rotary = nil }
          attention = own
        }
        if !lists.mlpFree.contains(layer) {
          mlp = parts.mlp
          mlp?.intermediateSize = lists.intermediateSizes[layer]
        }
        return Layer(attention: attention, mlp: mlp)
      }
      return fields.architecture(
        name, "shishulm",
        layers: LayerStack(layers, sharing: try config.sharedLayers(layers)),
        rotaries: parts.tables, finalNorm: parts.norm)
    },
    write: { architecture in
      let layers = architecture.layers
      var fields = architecture.differingFields()
      let attention = architecture.firstAttention
      fields["attention_out_bias"] = .bool(attention?.outputBias ?? false)
      fields["use_qk_norm"] = .bool(attention?.queryKeyNorm != nil)
      /// A list where layers differ; without the part, 0.
      func list(_ field: String, _ size: (Layer) -> Int?) {
        let sizes = layers.map(size)
        guard Set(sizes.compactMap { $0 }).count > 1 else { return }
        fields[field] = .array(sizes.map { .integer($0 ?? 0) })
      }
      list("intermediate_sizes") { $0.mlp?.intermediateSize }
      list("num_attention_heads_per_layer") { $0.attention?.queryHeads }
      list("num_key_value_heads_per_layer") { $0.attention?.keyValueHeads }
      list("head_dims") { $0.attention?.headDimension }
      if architecture.hasWindows {
        fields["sliding_windows"] = .array(
          layers.map { $0.attention?.window.map(JSONValue.integer) ?? .null })
      }
      if layers.kinds.contains(where: { $0.attention != nil && $0.attention?.rotary == nil }) {
        fields["no_rope_layers"] = layers.rotatingLayers
      }
      fields["attention_free_layers"] = layers.indices(where: { $0.attention == nil })
      fields["mlp_free_layers"] = layers.indices(where: { $0.mlp == nil })
      fields["shared_layers"] = .array(
        layers.sharing.map { .array([.integer($0.layer), .integer($0.source)]) })
      return fields
    })
}

/// What the lists of a configuration say of each layer.
private struct LayerLists {
  var intermediateSizes: [Int]
  var queryHeads: [Int]
  var keyValueHeads: [Int]
  var headDimensions: [Int]
  var windows: [Int?]
  var rotates: [Bool]
  var attentionFree: Set<Int>
  var mlpFree: Set<Int>

  init(_ config: ConfigReader, _ fields: CommonFields) throws {
    let count = fields.layers
    func sizes(_ field: String, else size: Int) throws -> [Int] {
      try config.sizes(field, count: count) ?? Array(repeating: size, count: count)
    }
    intermediateSizes = try sizes("intermediate_sizes", else: fields.intermediateSize)
    queryHeads = try sizes("num_attention_heads_per_layer", else: fields.queryHeads)
    keyValueHeads = try sizes("num_key_value_heads_per_layer", else: fields.keyValueHeads)
    headDimensions = try sizes("head_dims", else: fields.headDimension)
    windows = try config.windows(count)
    rotates =
      config.has("no_rope_layers")
      ? try config.rotatingLayers(count, interval: 4) : Array(repeating: true, count: count)
    attentionFree = try config.layers("attention_free_layers", count: count)
    mlpFree = try config.layers("mlp_free_layers", count: count)
    for layer in 0..<count where !attentionFree.contains(layer) {
      try within("layer \(layer)") {
        try checkSize("num_attention_heads_per_layer", queryHeads[layer], atMost: Limits.heads)
        try checkSize("num_key_value_heads_per_layer", keyValueHeads[layer], atMost: Limits.heads)
        try checkSize("head_dims", headDimensions[layer], atMost: Limits.headDimension)
      }
    }
  }
}

extension ConfigReader {
  /// `sliding_windows`: of each layer the positions that a token sees, or null for all.
  fileprivate func windows(_ count: Int) throws -> [Int?] {
    guard let values = try array("sliding_windows") else {
      return Array(repeating: nil, count: count)
    }
    guard values.count == count else {
      throw InputError(
        "sliding_windows", problem: "has \(values.count) entries",
        expected: "num_hidden_layers, \(count)")
    }
    return try values.map { value in
      switch value {
      case .null: return nil
      case .integer(let window): return window
      default:
        throw InputError(
          "sliding_windows", problem: "holds \(value.kind)", expected: "integers or null")
      }
    }
  }

  /// A list of layers.
  fileprivate func layers(_ field: String, count: Int) throws -> Set<Int> {
    Set(
      try (try array(field) ?? []).map { value in
        guard case .integer(let layer) = value, (0..<count).contains(layer) else {
          throw InputError(
            field, problem: "holds \(value.kind)", expected: "layers, 0 to \(count - 1)")
        }
        return layer
      })
  }

  /// `shared_layers`: pairs of a layer and an earlier one whose weights it uses.
  fileprivate func sharedLayers(_ layers: [Layer]) throws -> [Int: Int] {
    var sharing: [Int: Int] = [:]
    for value in try array("shared_layers") ?? [] {
      guard case .array(let pair) = value, pair.count == 2, case .integer(let layer) = pair[0],
        case .integer(let source) = pair[1], layers.indices.contains(layer),
        (0..<layer).contains(source), sharing[layer] == nil
      else {
        throw InputError(
          "shared_layers", problem: "holds what is no pair of a layer and an earlier one",
          expected: "[[layer, layer whose weights it uses], …], each layer once")
      }
      guard layers[layer] == layers[source] else {
        throw InputError(
          "shared_layers", problem: "layers \(source) and \(layer) differ in their sizes",
          expected: "equal layers")
      }
      sharing[layer] = source
    }
    for (layer, source) in sharing.sorted(by: { $0.key < $1.key }) where sharing[source] != nil {
      throw InputError(
        "shared_layers", problem: "layer \(layer) uses the weights of \(source), which has none",
        expected: "a layer with weights of its own")
    }
    return sharing
  }
}

extension LayerStack {
  /// The layers for which `condition` holds, as a list in JSON.
  fileprivate func indices(where condition: (Layer) -> Bool) -> JSONValue {
    .array(indices.filter { condition(self[$0]) }.map(JSONValue.integer))
  }
}
