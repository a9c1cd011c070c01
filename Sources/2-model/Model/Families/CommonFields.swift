import Input

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
    /// Of the family's class in transformers, which multimodal models' `text_config` leave out.
    var sizes: Sizes?
  }

  struct Sizes {
    var hidden: Int
    var intermediate: Int
    var layers: Int
    var queryHeads: Int
    var vocabulary: Int
  }

  /// - Parameter hasIntermediateSize: whether `intermediate_size` says the width of all MLPs.
  init(
    _ config: ConfigReader, _ defaults: Defaults = Defaults(), hasIntermediateSize: Bool = true
  ) throws {
    let sizes = config.isTextConfig ? defaults.sizes : nil
    hiddenSize = try config.size("hidden_size", default: sizes?.hidden)
    layers = try config.size("num_hidden_layers", default: sizes?.layers)
    queryHeads = try config.size("num_attention_heads", default: sizes?.queryHeads)
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
    intermediateSize =
      hasIntermediateSize
      ? try config.size("intermediate_size", default: sizes?.intermediate) : 0
    vocabularySize = try config.size("vocab_size", default: sizes?.vocabulary)
    maxPositions = try config.int("max_position_embeddings") ?? defaults.maxPositions
    tiedEmbeddings = try config.bool("tie_word_embeddings") ?? defaults.tiedEmbeddings
    // Lists are made from them, and products.
    try checkSize("hidden_size", hiddenSize, atMost: Limits.hiddenSize)
    try checkSize("num_hidden_layers", layers, atMost: Limits.layers)
    try checkSize("num_attention_heads", queryHeads, atMost: Limits.heads)
    try checkSize("head_dim", headDimension, atMost: Limits.headDimension)
  }

  /// The rotation of all layers, and how a layer uses it.
  ///
  /// - Parameter partialFactor: of a head that is turned, where the field is absent; `nil`: the family
  ///   turns whole heads, whatever the field says.
  func rotary(
    _ config: ConfigReader, theta: Double = 10_000, partialFactor: Double? = nil,
    original: Int? = nil, interleaved: Bool = false, others: Set<String> = []
  ) throws -> (tables: [RotaryEmbedding], rotation: Attention.Rotation) {
    let fields = try config.rotary(
      headDimension: headDimension, maxPositions: maxPositions, theta: theta,
      partialFactor: partialFactor ?? 1, original: original, others: others)
    if partialFactor == nil { try fields.demandWholeHeads() }
    return (
      [fields.rotary],
      .init(dimensions: fields.dimensions(ofHead: headDimension), interleaved: interleaved)
    )
  }

  /// - Parameter rotary: of all layers, `nil` where positions are not told apart.
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
    return sizeFields()
  }

  /// The same of layers that may differ: sizes of the first that has such a part.
  func sizeFields() -> [String: JSONValue] {
    [
      "hidden_size": .integer(hiddenSize), "intermediate_size": .integer(intermediateSize),
      "num_hidden_layers": .integer(layers.count), "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headDimension),
      "vocab_size": .integer(vocabularySize), "max_position_embeddings": .integer(maxPositions),
      "tie_word_embeddings": .bool(tiedEmbeddings),
    ]
  }

  /// The fields that most families share: sizes, rotation, RMSNorm, activation.
  func rmsFields() -> [String: JSONValue] {
    var fields = commonFields()
    fields.merge(rotaries[0].fields(partialFactor: layers.rotaryShare)) { $1 }
    fields["rms_norm_eps"] = .number(finalNorm.epsilon)
    fields["hidden_act"] = .string(eachMLP.activation.configName)
    return fields
  }

  /// Attention and MLP of the first layer, for families where each layer has both.
  var eachAttention: Attention { layers[0].attention! }
  var eachMLP: MLP { layers[0].mlp! }
}

/// What `inverse` makes `value` of: `guess`, rounded or as it is, or a neighbour of it. Fields hold
/// the number that the model's factor is computed from.
func field(_ guess: Double, giving value: Double, _ inverse: (Double) -> Double) -> JSONValue {
  var (below, above) = (guess, guess)
  var candidates = [guess.rounded(), guess]
  for _ in 0..<8 {
    (below, above) = (below.nextDown, above.nextUp)
    candidates += [below, above]
  }
  return .number(candidates.first { inverse($0) == value } ?? guess)
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

  /// Which layers see a window only: by `layer_types`, else by `sliding_window_pattern`, where every
  /// so many-th layer sees all.
  func windowedLayers(_ count: Int, period: Int) throws -> [Bool] {
    let given = try int("sliding_window_pattern")
    ignore("_sliding_window_pattern")
    let period = given ?? period
    guard period > 0 else {
      throw InputError("sliding_window_pattern", problem: "is \(period)", expected: "1 or more")
    }
    return try windowedLayers(count) ?? (1...count).map { $0 % period != 0 }
  }

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
    case .silu, .clampedSwiGLU: "silu"
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

  /// The share of a head that is turned in the layers that turn it, 1 where none does.
  var rotaryShare: Double {
    lazy.compactMap { $0.attention }.first { $0.rotary != nil }?.rotaryShare ?? 1
  }

  /// The window that some layers have.
  var window: Int? { lazy.compactMap { $0.attention?.window }.first }
}
