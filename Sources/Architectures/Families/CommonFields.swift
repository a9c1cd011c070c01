// What most families' `config.json` have in common, with transformers' defaults.

/// The sizes of an architecture of equal heads and MLPs, as most configurations spell them.
struct CommonFields {
  var hiddenSize: Int
  var layers: Int
  var queryHeads: Int
  var keyValueHeads: Int
  var headDimension: Int
  var intermediateSize: Int
  var vocabularySize: Int
  var maxPositions: Int
  var tiedEmbeddings: Bool

  /// What absent fields mean.
  struct Defaults {
    var keyValueHeads: Int?
    var headDimension: Int?
    var maxPositions = 2048
    var tiedEmbeddings = false
  }

  init(_ config: ConfigReader, _ defaults: Defaults = Defaults()) throws {
    hiddenSize = try config.size("hidden_size")
    layers = try config.size("num_hidden_layers")
    queryHeads = try config.size("num_attention_heads")
    keyValueHeads =
      try config.int("num_key_value_heads")
      ?? (config.isNull("num_key_value_heads") ? nil : defaults.keyValueHeads) ?? queryHeads
    if let given = try config.int("head_dim") ?? defaults.headDimension {
      headDimension = given
    } else if queryHeads > 0, hiddenSize % queryHeads == 0 {
      headDimension = hiddenSize / queryHeads
    } else {
      throw InputError(
        "num_attention_heads", problem: "\(queryHeads) does not divide hidden_size \(hiddenSize)",
        expected: "a divisor, or head_dim")
    }
    intermediateSize = try config.size("intermediate_size")
    vocabularySize = try config.size("vocab_size")
    maxPositions = try config.int("max_position_embeddings") ?? defaults.maxPositions
    tiedEmbeddings = try config.bool("tie_word_embeddings") ?? defaults.tiedEmbeddings
    // Lists of layers are made from it.
    try checkSize("num_hidden_layers", layers, atMost: Limits.layers)
  }

  func attention(rotary: Attention.Rotation?, norm: Norm?) -> Attention {
    Attention(
      queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension,
      rotary: rotary, inputNorm: norm)
  }

  /// The architecture of these sizes with layers made of them.
  func architecture(
    _ name: String, _ modelType: String, layers: LayerStack, rotaries: [RotaryEmbedding],
    finalNorm: Norm
  ) -> Architecture {
    Architecture(
      name: name, modelType: modelType, hiddenSize: hiddenSize, vocabularySize: vocabularySize,
      maxPositions: maxPositions, layers: layers, rotaries: rotaries, finalNorm: finalNorm,
      tiedEmbeddings: tiedEmbeddings)
  }
}

extension Architecture {
  /// The fields that `CommonFields` reads.
  ///
  /// - Precondition: layers do not differ in their sizes, which these fields cannot say.
  func commonFields() -> [String: JSONValue] {
    precondition(
      isUniform && !layers.sharesWeights
        && layers.kinds.allSatisfy { $0.attention != nil && $0.mlp != nil },
      "\(modelType) configurations have equal layers")
    return [
      "hidden_size": .integer(hiddenSize), "intermediate_size": .integer(intermediateSize),
      "num_hidden_layers": .integer(layers.count), "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headDimension),
      "vocab_size": .integer(vocabularySize), "max_position_embeddings": .integer(maxPositions),
      "tie_word_embeddings": .bool(tiedEmbeddings),
    ]
  }

  /// Attention and MLP of the first layer, for families where each layer has both.
  var eachAttention: Attention { layers[0].attention! }
  var eachMLP: MLP { layers[0].mlp! }
}

extension ConfigReader {
  /// The RMSNorm of `rms_norm_eps`.
  func rmsNorm(_ field: String = "rms_norm_eps", default value: Double = 1e-6) throws -> Norm {
    .rms(try double(field) ?? value)
  }

  /// The MLP's activation.
  func activation(
    _ field: String = "hidden_act", default name: String = "silu"
  ) throws -> MLP.Activation {
    let given = try string(field) ?? name
    guard let activation = Self.activations[given] else {
      throw InputError(
        field, problem: "\"\(given.prefix(60))\" is not supported",
        expected: "one of " + Self.activations.keys.sorted().joined(separator: ", "))
    }
    return activation
  }

  /// transformers' names (`ACT2FN`).
  private static let activations: [String: MLP.Activation] = [
    "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh,
    "gelu_fast": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh,
    "relu": .relu, "relu2": .reluSquared,
  ]

  /// Which layers see a window only, by `layer_types`, `nil` where the field is absent.
  func windowedLayers(_ count: Int) throws -> [Bool]? {
    guard let types = try array("layer_types") else { return nil }
    guard types.count == count else {
      throw InputError(
        "layer_types", problem: "has \(types.count) entries",
        expected: "num_hidden_layers, \(count)")
    }
    return try types.map { type in
      switch type {
      case .string("full_attention"): return false
      case .string("sliding_attention"): return true
      default:
        throw InputError(
          "layer_types", problem: "holds \(type.kind)",
          expected: "full_attention or sliding_attention")
      }
    }
  }
}

extension MLP.Activation {
  /// As `hidden_act` spells it.
  var configName: String {
    switch self {
    case .silu: "silu"
    case .gelu: "gelu"
    case .geluTanh: "gelu_pytorch_tanh"
    case .relu: "relu"
    case .reluSquared: "relu2"
    }
  }
}

extension LayerStack {
  /// `layer_types` of these layers.
  var layerTypes: JSONValue {
    .array(map { .string($0.attention?.window == nil ? "full_attention" : "sliding_attention") })
  }

  /// The window that some layers have.
  var window: Int? { lazy.compactMap { $0.attention?.window }.first }
}
