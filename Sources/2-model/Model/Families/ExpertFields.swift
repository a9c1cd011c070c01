import Input

// Mixtures of experts: what the families' configurations and metadata have in common.

extension CommonFields {
  /// Layers that are alike but for their feed-forward part.
  func layers(
    _ attention: Attention, dense: MLP, experts: Experts, isSparse: (Int) -> Bool
  ) -> LayerStack {
    LayerStack(
      (0..<layers).map { layer in
        Layer(
          mixer: .attention(attention),
          feedForward: isSparse(layer) ? .experts(experts) : .dense(dense))
      })
  }
}

extension ConfigReader {
  /// A number of layers after which something comes again.
  func interval(_ field: String) throws -> Int {
    let interval = try int(field) ?? 1
    guard interval > 0 else {
      throw InputError(field, problem: "is \(interval)", expected: "1 or more")
    }
    return interval
  }

  /// Several shared experts, which are as one of their common width.
  func sharedExperts(_ field: String, default count: Int, ofOne width: Int) throws
    -> Experts.Shared?
  {
    let count = isNull(field) ? 0 : try int(field) ?? count
    guard count != 0 else { return nil }
    try checkSize(field, count, atMost: Limits.experts)
    try checkSize("moe_intermediate_size", width, atMost: Limits.intermediateSize)
    return .init(intermediateSize: count * width)
  }

  /// `n_group` and `topk_group`; one group is none.
  func expertGroups(
    default groups: (count: Int, active: Int)? = nil, best: Int
  ) throws -> Experts.Groups? {
    let (count, active) = (try int("n_group"), try int("topk_group"))
    guard let count = count ?? (isNull("n_group") ? nil : groups?.count), count != 1 else {
      return nil
    }
    guard let active = active ?? groups?.active else {
      throw InputError("topk_group", problem: "is missing", expected: "1 to n_group, \(count)")
    }
    return .init(count: count, active: active, best: best)
  }

  /// Numbers of layers; `nil` where the field is absent.
  func layerNumbers(_ field: String, count: Int) throws -> Set<Int>? {
    try array(field).map { values in
      Set(
        try values.map { value in
          guard case .integer(let layer) = value, (0..<count).contains(layer) else {
            throw InputError(
              field, problem: "holds \(value.kind)", expected: "layers, 0 to \(count - 1)")
          }
          return layer
        })
    }
  }
}

extension Architecture {
  /// The fields that most mixtures share, of the first layers that have such parts.
  func mixtureFields() -> [String: JSONValue] {
    var fields = sizeFields()
    if let rotary = rotaries.first {
      fields.merge(rotary.fields(partialFactor: layers.rotaryShare)) { $1 }
    }
    fields["rms_norm_eps"] = .number(finalNorm.epsilon)
    let activation = firstExperts?.activation ?? firstMLP?.activation ?? .silu
    fields["hidden_act"] = .string(activation.configName)
    fields["num_experts_per_tok"] = .integer(firstExperts?.active ?? 1)
    return fields
  }

  var sparseLayers: [Int] { layers.indices.filter { layers[$0].experts != nil } }
  var denseLayers: [Int] { layers.indices.filter { layers[$0].experts == nil } }
  var expertCount: JSONValue { .integer(firstExperts?.count ?? 0) }
  var expertSize: JSONValue { .integer(firstExperts?.intermediateSize ?? 0) }

  /// How many shared experts of an expert's width there are.
  var sharedExperts: JSONValue {
    guard let experts = firstExperts, let shared = experts.shared else { return .integer(0) }
    return .integer(shared.intermediateSize / max(1, experts.intermediateSize))
  }
}

extension GGUFMetadata {
  /// Experts, how many are active, and the width of one.
  func experts() throws -> (count: JSONValue, active: JSONValue, width: JSONValue) {
    (
      .integer(try size("expert_count")), .integer(try size("expert_used_count")),
      .integer(try int("expert_feed_forward_length") ?? size("feed_forward_length"))
    )
  }

  /// How scores become weights, by llama.cpp's numbers.
  enum Gating: Int {
    case softmax = 1
    case sigmoid = 2
    case softmaxOfChosen = 3
  }

  /// - Parameter absent: what no number means.
  func gating(absent: Gating) throws -> Gating {
    guard let number = try int("expert_gating_func"), number != 0 else { return absent }
    guard let gating = Gating(rawValue: number) else {
      throw InputError(
        "\(architecture).expert_gating_func", problem: "is \(number)",
        expected: "1 (softmax), 2 (sigmoid) or 3 (softmax of the chosen)")
    }
    return gating
  }

  func demandGating(_ gating: Gating) throws {
    let given = try self.gating(absent: gating)
    guard given == gating else {
      throw InputError(
        "\(architecture).expert_gating_func", problem: "is \(given.rawValue)",
        expected: "\(gating.rawValue)")
    }
  }

  /// `n_group` and `topk_group`, which files of one group leave out.
  func groupFields() throws -> [String: JSONValue] {
    guard let count = try int("expert_group_count"), count > 1 else {
      _ = try int("expert_group_used_count")
      return ["n_group": .integer(1), "topk_group": .integer(1)]
    }
    return [
      "n_group": .integer(count), "topk_group": .integer(try size("expert_group_used_count")),
    ]
  }
}
