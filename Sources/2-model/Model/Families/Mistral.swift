import Input

extension Family {
  static let mistral = Family(
    modelType: "mistral", className: "MistralForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily(
      "mistral3", interleavedRotary: true,
      matches: { try $0.double("attention.temperature_scale") == nil }
    ) { metadata in
      var fields = try metadata.commonFields()
      fields["sliding_window"] = .null
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          keyValueHeads: 8, maxPositions: 131_072,
          sizes: mistralSizes(layers: 32, vocabulary: 32000)))
      let (tables, rotation) = try fields.rotary(config)
      return try mistral(name, "mistral", config, fields, tables, rotation)
    },
    write: { mistralFields($0) })

  /// Ministral 3: YaRN, and queries that are scaled up far out.
  static let ministral3 = Family(
    modelType: "ministral3", className: "Ministral3ForCausalLM", tensors: .huggingFace,
    gguf: GGUFFamily(
      "mistral3", interleavedRotary: true,
      matches: { try $0.double("attention.temperature_scale") != nil }
    ) { metadata in
      var fields = try metadata.commonFields()
      guard case .object(var parameters) = fields.removeValue(forKey: "rope_scaling") else {
        throw InputError(
          "mistral3.rope.scaling.type", problem: "is missing", expected: "yarn")
      }
      parameters["rope_theta"] = fields.removeValue(forKey: "rope_theta")
      parameters["llama_4_scaling_beta"] = metadata.value("attention.temperature_scale")
      fields["rope_parameters"] = .object(parameters)
      return fields
    },
    read: { name, config in
      let fields = try CommonFields(
        config,
        .init(
          keyValueHeads: 8, headDimension: 128, maxPositions: 262_144,
          sizes: mistralSizes(layers: 34, vocabulary: 131_072)))
      guard let parameters = try config.rotaryParameters("rope_parameters") else {
        throw InputError(
          "rope_parameters", problem: "is missing", expected: "YaRN with llama_4_scaling_beta")
      }
      let (tables, rotation) = try fields.rotary(config, others: ["llama_4_scaling_beta"])
      var temperature: Attention.QueryTemperature?
      try within("rope_parameters") {
        guard let beta = try parameters.double("llama_4_scaling_beta") else { return }
        guard let positions = try parameters.int("original_max_position_embeddings") else {
          throw InputError(
            "original_max_position_embeddings", problem: "is missing", expected: "an integer")
        }
        temperature = .init(beta: beta, positions: positions)
      }
      return try mistral(
        name, "ministral3", config, fields, tables, rotation, window: nil, epsilon: 1e-5,
        temperature: temperature)
    },
    write: { architecture in
      var fields = mistralFields(architecture)
      for field in ["rope_theta", "rope_scaling", "partial_rotary_factor"] { fields[field] = nil }
      guard case .object(var parameters) = architecture.rotaries[0].parameters() else {
        preconditionFailure("parameters are an object")
      }
      if architecture.layers.rotaryShare != 1 {
        parameters["partial_rotary_factor"] = .number(architecture.layers.rotaryShare)
      }
      if let temperature = architecture.eachAttention.temperature {
        parameters["llama_4_scaling_beta"] = .number(temperature.beta)
        parameters["original_max_position_embeddings"] = .integer(temperature.positions)
      }
      fields["rope_parameters"] = .object(parameters)
      return fields
    })

  private static func mistralSizes(layers: Int, vocabulary: Int) -> CommonFields.Sizes {
    .init(
      hidden: 4096, intermediate: 14336, layers: layers, queryHeads: 32, vocabulary: vocabulary)
  }

  private static func mistral(
    _ name: String, _ modelType: String, _ config: ConfigReader, _ fields: CommonFields,
    _ tables: [RotaryEmbedding], _ rotation: Attention.Rotation, window: Int? = 4096,
    epsilon: Double = 1e-6, temperature: Attention.QueryTemperature? = nil
  ) throws -> Architecture {
    let norm = try config.rmsNorm(default: epsilon)
    var attention = fields.attention(rotary: rotation, norm: norm)
    attention.window = try config.slidingWindow(default: window)
    attention.temperature = temperature
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
      name, modelType, layers: LayerStack(repeating: layer, count: fields.layers),
      rotaries: tables, finalNorm: norm)
  }

  private static func mistralFields(_ architecture: Architecture) -> [String: JSONValue] {
    var fields = architecture.rmsFields()
    fields["sliding_window"] = architecture.layers.window.map(JSONValue.integer) ?? .null
    return fields
  }
}

extension ConfigReader {
  /// `sliding_window`: transformers' default where the field is absent; an explicit null means none.
  func slidingWindow(default positions: Int? = 4096) throws -> Int? {
    isNull("sliding_window") ? nil : try int("sliding_window") ?? positions
  }
}
