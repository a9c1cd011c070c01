import Input

// GGUF metadata as the fields of a `config.json`. llama.cpp's keys are the same for all
// architectures, after their name.

extension GGUFMetadata {
  /// The sizes, norms and rotation that `CommonFields` and `ConfigReader.rotary` read.
  ///
  /// - Parameter headDimension: where the keys of heads' widths mean something else.
  func commonFields(headDimension given: Int? = nil) throws -> [String: JSONValue] {
    guard let embedding = shapes["token_embd.weight"], let vocabulary = embedding.first else {
      throw InputError("tensor token_embd.weight", problem: "is missing")
    }
    let layers = try layerCount()
    let hiddenSize = try size("embedding_length")
    let queryHeads = try size("attention.head_count")
    guard queryHeads > 0 else {
      throw InputError(
        "\(architecture).attention.head_count", problem: "is \(queryHeads)", expected: "1 or more")
    }
    let headDimension = try given ?? int("attention.key_length") ?? hiddenSize / queryHeads
    let valueDimension = try given ?? int("attention.value_length") ?? headDimension
    guard valueDimension == headDimension else {
      throw InputError(
        "\(architecture).attention.value_length", problem: "is \(valueDimension)",
        expected: "key_length, \(headDimension)")
    }
    var fields: [String: JSONValue] = [
      "hidden_size": .integer(hiddenSize), "num_hidden_layers": .integer(layers),
      "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(try int("attention.head_count_kv") ?? queryHeads),
      "head_dim": .integer(headDimension),
      "intermediate_size": .integer(try size("feed_forward_length")),
      "vocab_size": .integer(vocabulary),
      "max_position_embeddings": .integer(try int("context_length") ?? 2048),
      "tie_word_embeddings": .bool(shapes["output.weight"] == nil),
    ]
    if let epsilon = try double("attention.layer_norm_rms_epsilon") {
      fields["rms_norm_eps"] = .number(epsilon)
    }
    if let epsilon = try double("attention.layer_norm_epsilon") {
      fields["layer_norm_eps"] = .number(epsilon)
    }
    guard fields["rms_norm_eps"] != nil || fields["layer_norm_eps"] != nil else {
      throw InputError(
        "\(architecture).attention.layer_norm_rms_epsilon", problem: "is missing",
        expected: "it, or layer_norm_epsilon, in the metadata")
    }
    fields.merge(try rotaryFields(headDimension: headDimension)) { $1 }
    return fields
  }

  /// Layers of the model, without those that predict further tokens.
  func layerCount() throws -> Int {
    // Lists of layers are made from it.
    let blocks = try size("block_count")
    try checkSize("\(architecture).block_count", blocks, atMost: Limits.layers)
    let further = try int("nextn_predict_layers") ?? 0
    guard (0..<blocks).contains(further) else {
      throw InputError(
        "\(architecture).nextn_predict_layers", problem: "is \(further)",
        expected: "fewer than block_count, \(blocks)")
    }
    return blocks - further
  }

  /// Base, turned dimensions and scaling, where the metadata says them.
  private func rotaryFields(headDimension: Int) throws -> [String: JSONValue] {
    var fields: [String: JSONValue] = [
      "rope_theta": .number(try double("rope.freq_base") ?? 10_000)
    ]
    let turned = try int("rope.dimension_count") ?? headDimension
    if turned != headDimension {
      guard turned > 0, turned <= headDimension else {
        throw InputError(
          "\(architecture).rope.dimension_count", problem: "is \(turned)",
          expected: "at most the head dimension \(headDimension)")
      }
      fields["partial_rotary_factor"] = .number(
        RotaryFields.share(turned, ofHead: headDimension))
    }
    try demandWindowedHeads(headDimension, turned: turned)
    // Older files name the factor alone, which llama.cpp takes for linear scaling; 0 is none there.
    let given = try double("rope.scaling.factor") ?? double("rope.scale_linear")
    let factor: Double? = given == 0 ? 1 : given
    let type = try string("rope.scaling.type") ?? (factor == nil ? "none" : "linear")
    switch type {
    case "none": break
    case "linear", "yarn":
      guard let factor else {
        throw InputError(
          "\(architecture).rope.scaling.factor", problem: "is missing", expected: "a number")
      }
      var scaling: [String: JSONValue] = [
        "rope_type": .string(type), "factor": .number(factor),
      ]
      if type == "yarn" { scaling.merge(try yarnFields(factor)) { $1 } }
      if factor != 1 { fields["rope_scaling"] = .object(scaling) }
    case "longrope":
      // The factors are tensors; llama.cpp would apply another one on top.
      if let factor, factor != 1 {
        throw InputError(
          "\(architecture).rope.scaling.factor", problem: "is \(factor)",
          expected: "1 with longrope")
      }
    default:
      throw InputError(
        "\(architecture).rope.scaling.type", problem: "\"\(type.prefix(60))\" is not supported",
        expected: "none, linear, yarn or longrope")
    }
    try demandNoFurtherScaling(isYaRN: type == "yarn", isStretched: fields["rope_scaling"] != nil)
    return fields
  }

  /// What else the `rope_scaling` of YaRN says.
  private func yarnFields(_ factor: Double) throws -> [String: JSONValue] {
    var scaling: [String: JSONValue] = [:]
    if let original = try int("rope.scaling.original_context_length") {
      scaling["original_max_position_embeddings"] = .integer(original)
    }
    let multiplier = try double("rope.scaling.yarn_log_multiplier") ?? 0
    if multiplier != 0 {
      scaling["mscale"] = .number(1)
      scaling["mscale_all_dim"] = .number(multiplier)
    }
    // As `config.json` says it, for all of the factor.
    let whole = try double("rope.scaling.yarn_attn_factor")
    if let whole { scaling["attention_factor"] = .number(whole) }
    if let further = try double("rope.scaling.attn_factor"), further != 1 {
      guard multiplier == 0 else {
        throw InputError(
          "\(architecture).rope.scaling.attn_factor", problem: "is \(further)",
          expected: "1 beside yarn_log_multiplier")
      }
      scaling["attention_factor"] = .number(
        further * (whole ?? RotaryEmbedding.YaRN.magnitude(factor)))
    }
    if let fast = try double("rope.scaling.yarn_beta_fast") {
      scaling["beta_fast"] = .number(fast)
    }
    if let slow = try double("rope.scaling.yarn_beta_slow") {
      scaling["beta_slow"] = .number(slow)
    }
    return scaling
  }

  /// Refuses what llama.cpp applies whatever the type is, where nothing here does.
  ///
  /// - Parameters:
  ///   - isYaRN: whether that is the type.
  ///   - isStretched: whether the type's factor changes anything.
  private func demandNoFurtherScaling(isYaRN: Bool, isStretched: Bool) throws {
    func demand(_ key: String, _ neutral: Int, _ place: String) throws {
      guard let value = try double(key), value != Double(neutral) else { return }
      throw InputError(
        "\(architecture).\(key)", problem: "is \(value)", expected: "\(neutral) \(place)")
    }
    // Factors in tensors take it in.
    if rotaryFactors == nil, !(isYaRN && isStretched) {
      try demand(
        "rope.scaling.attn_factor", 1, "without scaling by yarn or by factors in tensors")
    }
    if !(isYaRN && isStretched) {
      try demand("rope.scaling.yarn_attn_factor", 1, "without yarn")
    }
    if !isYaRN {
      try demand("rope.scaling.yarn_log_multiplier", 0, "without yarn")
      try demand("rope.scaling.yarn_beta_fast", 32, "without yarn")
      try demand("rope.scaling.yarn_beta_slow", 1, "without yarn")
    }
    // How much of YaRN's blend takes the place of linear scaling; below 0 it is not set.
    if let share = try double("rope.scaling.yarn_ext_factor"), !(share < 0) {
      try demand(
        "rope.scaling.yarn_ext_factor", isYaRN ? 1 : 0, isYaRN ? "with yarn" : "without yarn")
    }
  }

  /// Refuses layers with a window whose heads are not those of the others.
  private func demandWindowedHeads(_ headDimension: Int, turned: Int) throws {
    for (key, size) in [
      ("attention.key_length_swa", headDimension), ("attention.value_length_swa", headDimension),
      ("rope.dimension_count_swa", turned),
    ] {
      guard let own = try int(key), own != size else { continue }
      throw InputError(
        "\(architecture).\(key)", problem: "is \(own)", expected: "\(size), as in other layers")
    }
  }
}
