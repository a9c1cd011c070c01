import Input

// The text models of multimodal ones. What else is in their `config.json` says nothing of it.

extension ConfigReader {
  /// The text model's fields, where `modelType` is a model around one: its `text_config`, or all fields
  /// where they stand beside the others'.
  func textConfig(of modelType: String) throws -> (modelType: String, config: ConfigReader)? {
    guard let usual = Families.multimodal[modelType] else { return nil }
    let field = ["text_config", "llm_config", "language_config"].first { object[$0] != nil }
    var fields: [String: JSONValue]
    if let field {
      fields = try object(field)?.fields ?? [:]
      guard !fields.isEmpty else {
        throw InputError(field, problem: "is empty", expected: "the text model's fields")
      }
    } else {
      guard has("hidden_size") else {
        throw InputError(
          "text_config", problem: "is missing", expected: "the text model of this \(modelType)")
      }
      // Qwen's first releases.
      fields = object.fields
      for (name, value) in fields where name.hasSuffix("_config") && value != .null {
        if case .object = value { fields[name] = nil }
      }
      fields["model_type"] = nil
    }
    let text = JSONObject(fields)
    // It has stood in both, and transformers ties where either says so.
    let tied = [try object.bool("tie_word_embeddings"), try text.bool("tie_word_embeddings")]
    if tied.contains(true) {
      fields["tie_word_embeddings"] = .bool(true)
    } else if tied.contains(false) {
      fields["tie_word_embeddings"] = .bool(false)
    }
    let textType =
      try within(field ?? "model_type") { try text.string("model_type") } ?? usual
    if let alias = Families.aliases[textType] { fields.merge(alias.defaults) { given, _ in given } }
    return (textType, ConfigReader(JSONObject(fields), isTextConfig: true))
  }
}

extension Families {
  /// Models around a text model, and its usual `model_type`, where `text_config` leaves that out.
  static let multimodal: [String: String] = [
    "aya_vision": "cohere2", "cohere2_vision": "cohere2", "exaone4_5": "exaone4",
    "fast_vlm": "qwen2", "gemma3": "gemma3_text", "got_ocr2": "qwen2", "idefics3": "llama",
    "internvl": "qwen2", "internvl_chat": "qwen2", "lighton_ocr": "qwen3", "llama4": "llama4_text",
    "llava": "llama",
    "llava_next": "llama", "llava_next_video": "llama", "llava_onevision": "qwen2",
    "mistral3": "mistral", "ovis2": "qwen2", "perception_lm": "llama",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "qwen2_audio": "qwen2", "qwen2_vl": "qwen2_vl_text", "qwen3_vl": "qwen3_vl_text",
    "smolvlm": "llama",
    "video_llava": "llama", "vipllava": "llama", "voxtral": "llama",
  ]

  /// Text models that are a family's, but for rotations that text does not tell apart, and what absent
  /// fields mean there.
  static let aliases: [String: (modelType: String, defaults: [String: JSONValue])] = [
    "qwen2_vl_text": ("qwen2", qwen2VL), "qwen2_5_vl_text": ("qwen2", qwen2VL),
    "qwen3_vl_text": ("qwen3", ["rope_theta": .number(500_000)]),
  ]

  private static let qwen2VL: [String: JSONValue] = [
    "hidden_size": .integer(8192), "intermediate_size": .integer(29_568),
    "num_hidden_layers": .integer(80), "num_attention_heads": .integer(64),
    "num_key_value_heads": .integer(8), "vocab_size": .integer(152_064),
    "rms_norm_eps": .number(1e-5), "max_window_layers": .integer(80),
    "rope_theta": .number(1_000_000),
  ]
}

extension TensorNames {
  /// The names as a file has them: those of a multimodal model's text model have a prefix, and files
  /// of a model without its head have none.
  ///
  /// - Parameter names: of the file's tensors.
  public func asNamed(in names: some Collection<String>, _ architecture: Architecture)
    -> TensorNames
  {
    let embedding = WeightSpec(
      role: .embedding, form: .matrix(columns: architecture.hiddenSize),
      rows: architecture.vocabularySize)
    guard let name = source(embedding, nil, architecture).names.first,
      let dot = name.firstIndex(of: ".")
    else { return self }
    let present = Set(names)
    let base = String(name[...dot])
    let rest = name[name.index(after: dot)...]
    /// The prefix in place of `base`, and what stands before names without it.
    let layouts = [
      (base, ""), ("language_model.\(base)", "language_model."), ("model.language_model.", ""),
      ("model.language_model.\(base)", "model.language_model."), ("model.text_model.", ""),
      ("language_model.", ""), ("", ""),
    ]
    guard let layout = layouts.first(where: { present.contains($0.0 + rest) }),
      layout.0 != base || names.contains(where: { Self.isOfOtherPart($0) })
    else { return self }
    @Sendable func renamed(_ name: String) -> String {
      guard name.hasPrefix(base) else {
        let prefixed = layout.1 + name
        return present.contains(prefixed) ? prefixed : name
      }
      return layout.0 + name.dropFirst(base.count)
    }
    return TensorNames(surplus: surplus + Self.otherParts, layers: renamed(layers)) {
      [source] weight, layer, architecture in
      source(weight, layer, architecture).renamed(renamed)
    }
  }

  private static func isOfOtherPart(_ name: String) -> Bool {
    otherParts.contains { name.hasPrefix($0) }
  }

  /// Of encoders of images and sound, and what connects them.
  private static let otherParts = [
    "visual.", "vision_tower.", "vision_model.", "vision_encoder.", "multi_modal_projector.",
    "mlp1.", "audio_tower.", "connector.", "model.visual.", "model.vision_tower.",
    "model.vision_model.", "model.vision_encoder.", "model.multi_modal_projector.",
    "model.connector.", "model.audio_tower.", "model.mm_projector.", "visual_tokenizer.",
    "model.visual_tokenizer.", "image_newline", "model.image_newline",
  ]
}
