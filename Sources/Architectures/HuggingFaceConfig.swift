import Foundation

// Hugging Face `config.json`, in and out.
//
// Sizes must be present. Other absent fields take the default that transformers gives the family.
// What we cannot execute (other activations, MoE, other RoPE scalings) is refused, not ignored.

extension Architecture {
  /// Reads a `config.json`, or the one in a folder.
  public init(configAt url: URL) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let file = exists && isFolder.boolValue ? url.appendingPathComponent("config.json") : url
    self = try within(file.path) {
      let data = try InputFile.config.data(at: file.path)
      return try Architecture(
        name: Architecture.name(ofConfigAt: file), config: JSONObject(parsing: data))
    }
  }

  /// A config is called after its file, or after its folder where the file is `config.json`.
  private static func name(ofConfigAt file: URL) -> String {
    let stem = file.deletingPathExtension().lastPathComponent
    guard stem == "config" else { return stem }
    return file.standardizedFileURL.deletingLastPathComponent().lastPathComponent
  }

  /// Reads the fields of a `config.json`. Errors name the field.
  public init(name: String, config: JSONObject) throws {
    func size(_ field: String) throws -> Int {
      try config.required(field, JSONObject.int, expected: "a positive integer")
    }
    let familyName: String = try config.required(
      "model_type", JSONObject.string, expected: Family.listed)
    guard let family = Family(rawValue: familyName) else {
      throw InputError(
        "model_type", problem: "\"\(familyName.prefix(60))\" is not supported",
        expected: Family.listed)
    }
    try Architecture.refuseUnsupported(config)

    let hiddenSize = try size("hidden_size")
    let queryHeads = try size("num_attention_heads")
    let headDimension: Int
    if let given = try config.int("head_dim") {
      headDimension = given
    } else if family == .qwen3 {
      headDimension = 128
    } else if queryHeads > 0, hiddenSize % queryHeads == 0 {
      headDimension = hiddenSize / queryHeads
    } else {
      throw InputError(
        "num_attention_heads", problem: "\(queryHeads) does not divide hidden_size \(hiddenSize)",
        expected: "a divisor, or head_dim")
    }
    let layers = try size("num_hidden_layers")
    let bias = try config.bool("attention_bias") ?? false
    let window = try Architecture.window(of: family, layers: layers, config)

    self = try Architecture(
      name: name, family: family, hiddenSize: hiddenSize,
      intermediateSize: try size("intermediate_size"), layers: layers, queryHeads: queryHeads,
      keyValueHeads: try config.int("num_key_value_heads")
        ?? (config.isNull("num_key_value_heads") ? nil : family.defaultKeyValueHeads) ?? queryHeads,
      headDimension: headDimension, vocabularySize: try size("vocab_size"),
      maxPositions: try config.int("max_position_embeddings") ?? family.defaultMaxPositions,
      rmsNormEpsilon: try config.double("rms_norm_eps") ?? 1e-6,
      rotary: try RotaryEmbedding(config: config),
      tiedEmbeddings: try config.bool("tie_word_embeddings") ?? false,
      qkvBias: family == .qwen2 || ((family == .llama || family == .qwen3) && bias),
      outputBias: (family == .llama || family == .qwen3) && bias,
      qkNorm: family == .qwen3, slidingWindow: window?.positions,
      firstWindowedLayer: window?.firstLayer ?? 0
    ).validated()
  }

  private static func refuseUnsupported(_ config: JSONObject) throws {
    let activation = try config.string("hidden_act") ?? "silu"
    guard activation == "silu" || activation == "swish" else {
      throw InputError(
        "hidden_act", problem: "\"\(activation.prefix(60))\" is not supported", expected: "silu")
    }
    if try config.bool("mlp_bias") == true {
      throw InputError("mlp_bias", problem: "true is not supported", expected: "false")
    }
    if config["quantization_config"] != nil {
      throw InputError(
        "quantization_config", problem: "quantised safetensors are not supported",
        expected: "f32, bf16 or f16 weights, or a GGUF file")
    }
  }

  /// The sliding window and the first layer that uses it. Qwen's windows are off unless
  /// `use_sliding_window`, and spare the layers before `max_window_layers`.
  private static func window(
    of family: Family, layers: Int, _ config: JSONObject
  ) throws -> (positions: Int, firstLayer: Int)? {
    let window: (positions: Int, firstLayer: Int)?
    switch family {
    case .llama:
      window = nil
    case .mistral:
      window = try windowField(config).map { ($0, 0) }
    case .qwen2, .qwen3:
      let spared = max(0, try config.int("max_window_layers") ?? 28)
      let used = try config.bool("use_sliding_window") ?? false
      window = used ? try windowField(config).map { ($0, spared) } : nil
    }
    if let types = try config.array("layer_types"), family != .llama {
      let agrees = types.enumerated().allSatisfy { layer, type in
        let windowed = window.map { layer >= $0.firstLayer } ?? false
        return type == .string(windowed ? "sliding_attention" : "full_attention")
      }
      guard types.count == layers, agrees else {
        throw InputError(
          "layer_types", problem: "does not agree with the window fields",
          expected: "full_attention first, then sliding_attention from max_window_layers on")
      }
    }
    return window
  }

  /// transformers' default where the field is absent; an explicit null means no window.
  private static func windowField(_ config: JSONObject) throws -> Int? {
    config.isNull("sliding_window") ? nil : try config.int("sliding_window") ?? 4096
  }
}

extension Architecture.Family {
  fileprivate static var listed: String {
    "one of " + allCases.map(\.rawValue).joined(separator: ", ")
  }

  fileprivate var defaultKeyValueHeads: Int? {
    switch self {
    case .llama: nil
    case .mistral: 8
    case .qwen2, .qwen3: 32
    }
  }

  fileprivate var defaultMaxPositions: Int {
    switch self {
    case .llama: 2048
    case .mistral: 131_072
    case .qwen2, .qwen3: 32_768
    }
  }
}

extension RotaryEmbedding {
  /// Reads `rope_theta` and `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5).
  /// Where both are there, `rope_scaling` wins, as in transformers 5.
  init(config: JSONObject) throws {
    let older = try config.object("rope_scaling")
    let field = older == nil ? "rope_parameters" : "rope_scaling"
    let scaling = try older ?? config.object("rope_parameters")
    for (place, object) in [(nil, config), (field, scaling ?? JSONObject([:]))] {
      guard let rotated = try object.double("partial_rotary_factor"), rotated != 1 else { continue }
      let error = InputError(
        "partial_rotary_factor", problem: "\(rotated) is not supported", expected: "1")
      throw place.map(error.within) ?? error
    }
    let theta = try within(field) { try scaling?.double("rope_theta") }
    self.init(theta: try theta ?? config.double("rope_theta") ?? 10_000)
    guard let scaling else { return }
    self.scaling = try within(field) {
      let type = try scaling.string("rope_type") ?? scaling.string("type") ?? "default"
      switch type {
      case "default": return nil
      case "llama3":
        func number(_ field: String) throws -> Double {
          try scaling.required(field, JSONObject.double, expected: "a number")
        }
        return Llama3Scaling(
          factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
          highFrequencyFactor: try number("high_freq_factor"),
          originalMaxPositions: try scaling.required(
            "original_max_position_embeddings", JSONObject.int, expected: "a positive integer"))
      default:
        throw InputError(
          "rope_type", problem: "\"\(type.prefix(60))\" is not supported",
          expected: "default or llama3")
      }
    }
  }
}

extension Architecture {
  /// The fields of a `config.json`, with RoPE as transformers 4 writes it and version 5 still reads.
  ///
  /// transformers 5 refuses `llama` configs whose head count does not divide the hidden size
  /// (surefire-1b: 36 heads, 2560), whatever `head_dim` says; version 4 reads them.
  public var config: [String: JSONValue] {
    var fields: [String: JSONValue] = [
      "architectures": .array([.string(family.className)]),
      "model_type": .string(family.rawValue),
      "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(intermediateSize),
      "num_hidden_layers": .integer(layers),
      "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(keyValueHeads),
      "head_dim": .integer(headDimension),
      "vocab_size": .integer(vocabularySize),
      "max_position_embeddings": .integer(maxPositions),
      "rms_norm_eps": .number(rmsNormEpsilon),
      "rope_theta": .number(rotary.theta),
      "tie_word_embeddings": .bool(tiedEmbeddings),
      "hidden_act": .string("silu"),
      "torch_dtype": .string("bfloat16"),
    ]
    if let scaling = rotary.scaling {
      fields["rope_scaling"] = .object([
        "rope_type": .string("llama3"),
        "factor": .number(scaling.factor),
        "low_freq_factor": .number(scaling.lowFrequencyFactor),
        "high_freq_factor": .number(scaling.highFrequencyFactor),
        "original_max_position_embeddings": .integer(scaling.originalMaxPositions),
      ])
    }
    switch family {
    case .llama:
      fields["attention_bias"] = .bool(qkvBias)
      fields["mlp_bias"] = .bool(false)
    case .mistral:
      fields["sliding_window"] = slidingWindow.map(JSONValue.integer) ?? .null
    case .qwen2, .qwen3:
      fields["use_sliding_window"] = .bool(slidingWindow != nil)
      if let slidingWindow {
        fields["sliding_window"] = .integer(slidingWindow)
        fields["max_window_layers"] = .integer(firstWindowedLayer)
      }
      if family == .qwen3 { fields["attention_bias"] = .bool(qkvBias) }
    }
    return fields
  }

  /// `config` as the text of a `config.json`, keys sorted.
  public func configText() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(config), as: UTF8.self) + "\n"
  }
}

extension Architecture.Family {
  /// The class that executes it in transformers, as `architectures` names it.
  fileprivate var className: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .mistral: "MistralForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    case .qwen3: "Qwen3ForCausalLM"
    }
  }
}
