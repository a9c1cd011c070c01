import Input

// Blocks that differ from layer to layer (Puzzle, arXiv 2411.19146), as DeciLM and Llama-Nemotron
// write them: `block_configs` says of each layer how many query heads share a KV head, how wide the
// MLP is, and what is left out.

extension Family {
  static let nemotronNAS = Family(
    modelType: "nemotron-nas", className: "DeciLMForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily("deci", interleavedRotary: true) { try $0.blockConfigs() },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config, hasIntermediateSize: false)
      config.ignore("intermediate_size")
      let parts = try LlamaParts(config, fields)
      guard let blocks = try config.array("block_configs") else {
        throw InputError("block_configs", problem: "is missing", expected: "an object a layer")
      }
      guard blocks.count == fields.layers else {
        throw InputError(
          "block_configs", problem: "has \(blocks.count) entries",
          expected: "num_hidden_layers, \(fields.layers)")
      }
      let layers = try blocks.enumerated().map { index, block in
        try within("block_configs[\(index)]") {
          guard case .object(let object) = block else {
            throw InputError(problem: "is \(block.kind)", expected: "an object")
          }
          let reader = ConfigReader(JSONObject(object))
          let layer = Layer(
            attention: try reader.blockAttention(parts.attention),
            mlp: try reader.blockMLP(parts.mlp, hiddenSize: fields.hiddenSize))
          try reader.refuseUnknownFields()
          return layer
        }
      }
      return fields.architecture(
        name, "nemotron-nas", layers: LayerStack(layers), rotaries: parts.tables,
        finalNorm: parts.norm)
    },
    write: { architecture in
      var fields = architecture.differingFields()
      fields["num_key_value_heads"] = .null
      fields["intermediate_size"] = .null
      fields["block_configs"] = .array(
        architecture.layers.map { layer in
          let attention: [String: JSONValue] =
            if let attention = layer.attention {
              ["n_heads_in_group": .integer(attention.group), "no_op": .bool(false)]
            } else {
              ["n_heads_in_group": .null, "no_op": .bool(true)]
            }
          let mlp: [String: JSONValue] =
            if let mlp = layer.mlp {
              mlpSize(mlp.intermediateSize, hiddenSize: architecture.hiddenSize)
            } else {
              ["ffn_mult": .null, "no_op": .bool(true)]
            }
          return .object(["attention": .object(attention), "ffn": .object(mlp)])
        })
      return fields
    })

  /// DeciLM 7B: KV heads a layer.
  static let deci = Family(
    modelType: "deci", className: "DeciLMForCausalLM", tensors: .huggingFace,
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(config)
      let parts = try LlamaParts(config, fields)
      config.ignore(
        "naive_attention_prefill", "naive_attention_decode_batched",
        "naive_attention_decode_single", "num_key_value_heads")
      guard
        let heads = try config.sizes("num_key_value_heads_per_layer", count: fields.layers)
      else {
        throw InputError(
          "num_key_value_heads_per_layer", problem: "is missing", expected: "a number a layer")
      }
      return fields.architecture(
        name, "deci",
        layers: LayerStack(
          heads.map { heads in
            var attention = parts.attention
            attention.keyValueHeads = heads
            return Layer(attention: attention, mlp: parts.mlp)
          }), rotaries: parts.tables, finalNorm: parts.norm)
    },
    write: { architecture in
      var fields = architecture.differingFields()
      fields["num_key_value_heads"] = .null
      fields["num_key_value_heads_per_layer"] = .array(
        architecture.layers.map { .integer($0.attention?.keyValueHeads ?? 0) })
      return fields
    })

  /// A multiple where one gives the size, which DeciLM's own code reads.
  private static func mlpSize(_ size: Int, hiddenSize: Int) -> [String: JSONValue] {
    let multiple = (Double(3 * size) / Double(2 * hiddenSize)).nextUp
    return ConfigReader.intermediateSize(multiple: multiple, hiddenSize: hiddenSize) == size
      ? ["ffn_mult": .number(multiple), "no_op": .bool(false)]
      : ["intermediate_size": .integer(size), "no_op": .bool(false)]
  }
}

/// Attention and MLP of a LLaMA, before layers change their sizes.
struct LlamaParts {
  let attention: Attention
  let mlp: MLP
  let tables: [RotaryEmbedding]
  let norm: Norm

  /// - Parameter partialFactor: see `CommonFields.rotary`.
  init(_ config: ConfigReader, _ fields: CommonFields, partialFactor: Double? = nil) throws {
    norm = try config.rmsNorm()
    let rotary = try fields.rotary(config, partialFactor: partialFactor)
    tables = rotary.tables
    var attention = fields.attention(rotary: rotary.rotation, norm: norm)
    attention.inputBias = try config.bool("attention_bias") ?? false
    attention.outputBias = attention.inputBias
    self.attention = attention
    let bias = try config.bool("mlp_bias") ?? false
    mlp = MLP(
      intermediateSize: fields.intermediateSize, activation: try config.activation(),
      inputBias: bias, outputBias: bias, inputNorm: norm)
  }
}

extension ConfigReader {
  fileprivate func blockAttention(_ whole: Attention) throws -> Attention? {
    guard let object = try object("attention") else {
      throw InputError("attention", problem: "is missing", expected: "an object")
    }
    return try within("attention") {
      let reader = ConfigReader(object)
      try reader.demand("replace_with_linear", .bool(false))
      let isLeftOut = try reader.bool("no_op") ?? false
      let group = try reader.int("n_heads_in_group")
      try reader.refuseUnknownFields()
      if isLeftOut { return nil }
      guard let group, group > 0, whole.queryHeads % group == 0 else {
        throw InputError(
          "n_heads_in_group", problem: group.map { "is \($0)" } ?? "is missing",
          expected: "a divisor of num_attention_heads \(whole.queryHeads), or no_op")
      }
      var attention = whole
      attention.keyValueHeads = whole.queryHeads / group
      return attention
    }
  }

  fileprivate func blockMLP(_ whole: MLP, hiddenSize: Int) throws -> MLP? {
    guard let object = try object("ffn") else {
      throw InputError("ffn", problem: "is missing", expected: "an object")
    }
    return try within("ffn") {
      let reader = ConfigReader(object)
      try reader.demand("replace_with_linear", .bool(false))
      let isLeftOut = try reader.bool("no_op") ?? false
      let (size, multiple) = (
        try reader.int("intermediate_size"), try reader.double("ffn_mult")
      )
      try reader.refuseUnknownFields()
      if isLeftOut { return nil }
      var mlp = whole
      if let size {
        mlp.intermediateSize = size
      } else if let multiple, multiple > 0, multiple < 1000 {
        mlp.intermediateSize = Self.intermediateSize(multiple: multiple, hiddenSize: hiddenSize)
      } else {
        throw InputError(
          "ffn_mult", problem: multiple.map { "is \($0)" } ?? "is missing",
          expected: "a positive number, intermediate_size, or no_op")
      }
      return mlp
    }
  }

  /// Two thirds of so many hidden sizes, up to a multiple of 256.
  fileprivate static func intermediateSize(multiple: Double, hiddenSize: Int) -> Int {
    let size = Int(2 * multiple * Double(hiddenSize) / 3)
    return (size + 255) / 256 * 256
  }

  /// A list of sizes, one a layer; `nil` where the field is absent.
  func sizes(_ field: String, count: Int) throws -> [Int]? {
    guard let values = try array(field) else { return nil }
    guard values.count == count else {
      throw InputError(
        field, problem: "has \(values.count) entries", expected: "num_hidden_layers, \(count)")
    }
    return try values.map { value in
      guard case .integer(let size) = value else {
        throw InputError(field, problem: "holds \(value.kind)", expected: "integers")
      }
      return size
    }
  }
}

extension Architecture {
  /// What layers have in common that differ in their sizes: those are the largest ones.
  func differingFields() -> [String: JSONValue] {
    let (attentions, mlps) = (
      layers.kinds.compactMap(\.attention), layers.kinds.compactMap(\.mlp)
    )
    var fields: [String: JSONValue] = [
      "hidden_size": .integer(hiddenSize), "num_hidden_layers": .integer(layers.count),
      "num_attention_heads": .integer(attentions.map(\.queryHeads).max() ?? 1),
      "num_key_value_heads": .integer(attentions.map(\.keyValueHeads).max() ?? 1),
      "head_dim": .integer(attentions.map(\.headDimension).max() ?? hiddenSize),
      "intermediate_size": .integer(mlps.map(\.intermediateSize).max() ?? 1),
      "vocab_size": .integer(vocabularySize), "max_position_embeddings": .integer(maxPositions),
      "tie_word_embeddings": .bool(tiedEmbeddings), "rms_norm_eps": .number(finalNorm.epsilon),
      "hidden_act": .string((mlps.first?.activation ?? .silu).configName),
      "attention_bias": .bool(attentions.first?.inputBias ?? false),
      "mlp_bias": .bool(mlps.first?.inputBias ?? false),
    ]
    if let rotary = rotaries.first {
      fields.merge(rotary.fields(partialFactor: layers.rotaryShare)) { $1 }
    }
    return fields
  }
}

extension GGUFMetadata {
  /// The sizes of each layer, which are arrays here.
  fileprivate func blockConfigs() throws -> [String: JSONValue] {
    let count = try size("block_count")
    try checkSize("\(architecture).block_count", count, atMost: Limits.layers)
    func each(_ key: String) throws -> [Int] {
      switch value(key) {
      case .integer(let size): return Array(repeating: size, count: count)
      case .array(let values) where values.count == count:
        return try values.map { value in
          guard case .integer(let size) = value else {
            throw InputError("\(architecture).\(key)", problem: "holds \(value.kind)")
          }
          return size
        }
      default:
        throw InputError(
          "\(architecture).\(key)", problem: value(key).map { "is \($0.kind)" } ?? "is missing",
          expected: "a number, or one a layer")
      }
    }
    let keys = ["attention.head_count", "attention.head_count_kv", "feed_forward_length"]
    let sizes = try keys.map(each)
    var values = values.fields
    for (key, sizes) in zip(keys, sizes) {
      values["\(architecture).\(key)"] = .integer(sizes.max() ?? 0)
    }
    var fields = try replacing(values: values).commonFields()
    fields["num_key_value_heads"] = .null
    fields["intermediate_size"] = .null
    fields["block_configs"] = .array(
      try (0..<count).map { layer in
        let (heads, keyValueHeads, size) = (sizes[0][layer], sizes[1][layer], sizes[2][layer])
        guard heads == 0 || heads == sizes[0].max(),
          keyValueHeads == 0 || heads % keyValueHeads == 0
        else {
          throw InputError(
            "\(architecture).attention.head_count",
            problem: "is \(heads), with \(keyValueHeads) KV heads, in layer \(layer)",
            expected: "none, or \(sizes[0].max() ?? 0) in groups")
        }
        guard heads == 0 || keyValueHeads > 0 else {
          throw InputError(
            "\(architecture).attention.head_count_kv",
            problem: "is 0 in layer \(layer), a linear layer instead of attention",
            expected: "attention, or none")
        }
        return .object([
          "attention": .object(
            heads == 0
              ? ["no_op": .bool(true)]
              : ["n_heads_in_group": .integer(heads / keyValueHeads)]),
          "ffn": .object(
            size == 0 ? ["no_op": .bool(true)] : ["intermediate_size": .integer(size)]),
        ])
      })
    return fields
  }
}
