import Input

// RoPE in `config.json`: `rope_theta` and `rope_scaling` (transformers 4), `rope_parameters` for all
// layers or by type of layer (transformers 5).

/// The rotation that fields describe.
struct RotaryFields: Equatable {
  var rotary: RotaryEmbedding
  /// Of a head.
  var partialFactor: Double

  /// Elements of a head that are turned.
  func dimensions(ofHead size: Int) -> Int {
    Int(min(max(Double(size) * partialFactor, -1), Double(Limits.queryWidth)))
  }

  /// The factor from which so many elements follow.
  static func share(_ dimensions: Int, ofHead size: Int) -> Double {
    let share = Double(dimensions) / Double(size)
    return Int(Double(size) * share) < dimensions ? share.nextUp : share
  }

  /// For families that turn whole heads: what says otherwise is of another model.
  func demandWholeHeads() throws {
    guard partialFactor == 1 else {
      throw InputError(
        "partial_rotary_factor", problem: "is \(partialFactor)",
        expected: "1: heads are turned whole with this model_type")
    }
  }
}

extension ConfigReader {
  /// Where a rotation is said. transformers reads the first; a file with both must mean one thing.
  static let rotaryFields = ["rope_scaling", "rope_parameters"]

  /// What one of `rotaryFields` holds; empty it says nothing, as in transformers.
  func rotaryParameters(_ field: String) throws -> JSONObject? {
    try object(field).flatMap { $0.fields.isEmpty ? nil : $0 }
  }

  /// - Parameters:
  ///   - layerType: whose rotation, where `rope_parameters` has one for each type of layer; `nil`: all
  ///     must be the same.
  ///   - sources: the fields that it may be said in.
  ///   - thetaField: the base outside of the parameters, where they say none.
  ///   - theta, partialFactor: where nothing says them.
  ///   - original: `original_max_position_embeddings` outside of the parameters, which wins over one
  ///     inside, where the field is absent.
  ///   - others: fields among the parameters that the family reads itself.
  func rotary(
    headDimension: Int, maxPositions: Int, layerType: String? = nil,
    sources: [String] = ConfigReader.rotaryFields, thetaField: String = "rope_theta",
    theta: Double = 10_000, partialFactor: Double = 1, original: Int? = nil,
    others: Set<String> = []
  ) throws -> RotaryFields {
    let top = (
      theta: try double(thetaField), partial: try double("partial_rotary_factor"),
      original: try int("original_max_position_embeddings")
    )
    func meaning(of given: JSONObject) throws -> RotaryFields {
      let scaling = ConfigReader(
        JSONObject(given.fields.filter { !others.contains($0.key) }))
      let partial = try scaling.double("partial_rotary_factor") ?? top.partial ?? partialFactor
      var fields = RotaryFields(
        rotary: RotaryEmbedding(theta: try scaling.double("rope_theta") ?? top.theta ?? theta),
        partialFactor: partial)
      fields.rotary.scaling = try scaling.scaling(
        pairs: max(0, fields.dimensions(ofHead: headDimension)) / 2, maxPositions: maxPositions,
        original: top.original ?? original)
      try scaling.refuseUnknownFields()
      return fields
    }
    var said: [(given: JSONObject, meaning: RotaryFields)] = []
    for field in sources {
      guard let object = try rotaryParameters(field) else { continue }
      try within(field) {
        let given = try Self.chosen(object, layerType)
        said.append((given: given, meaning: try meaning(of: given)))
      }
    }
    guard let first = said.first else {
      return RotaryFields(
        rotary: RotaryEmbedding(theta: top.theta ?? theta),
        partialFactor: top.partial ?? partialFactor)
    }
    for other in said.dropFirst() {
      let bases = (first.meaning.rotary.theta, other.meaning.rotary.theta)
      guard bases.0 == bases.1 else {
        throw Self.contradiction("a rope_theta of \(bases.0) and of \(bases.1)")
      }
      guard first.meaning == other.meaning,
        others.allSatisfy({ first.given[$0] == other.given[$0] })
      else { throw Self.contradiction("rotations that differ") }
    }
    return first.meaning
  }

  /// Two of `rotaryFields` that do not agree.
  static func contradiction(_ what: String) -> InputError {
    InputError(
      rotaryFields.joined(separator: ", "), problem: "mean \(what)",
      expected: "the same in both, or one of them")
  }

  static let layerTypes = ["full_attention", "sliding_attention"]

  /// Whether one of `rotaryFields` has an entry for each type of layer.
  func hasRotaryByLayerType(_ field: String) throws -> Bool {
    try object(field)?.fields.keys.contains(where: Self.layerTypes.contains) ?? false
  }

  /// The parameters of one type of layer, or those of all.
  private static func chosen(_ object: JSONObject, _ layerType: String?) throws -> JSONObject {
    guard object.fields.keys.contains(where: layerTypes.contains) else { return object }
    for key in object.fields.keys.sorted() where !layerTypes.contains(key) {
      throw InputError(
        key, problem: "stands beside parameters by type of layer",
        expected: layerTypes.joined(separator: " and ") + " alone")
    }
    if layerType == nil {
      let given = layerTypes.compactMap { object[$0] }
      guard given.allSatisfy({ $0 == given[0] }) else {
        throw InputError(
          problem: "differs by type of layer", expected: "one rotation with this model_type")
      }
    }
    let type = layerType ?? layerTypes.first { object[$0] != nil } ?? layerTypes[0]
    return try object.required(
      type, JSONObject.object, expected: "the rotation of layers of this type")
  }

  /// The rule of `rope_type`.
  private func scaling(
    pairs: Int, maxPositions: Int, original: Int?
  ) throws -> RotaryEmbedding.Scaling? {
    let (newer, older) = (try string("rope_type"), try string("type"))
    var type = newer ?? older ?? "default"
    // Phi 3's first releases called it so.
    if type == "yarn", object["short_factor"] != nil { type = "longrope" }
    func number(_ field: String) throws -> Double {
      guard let value = try double(field) else {
        throw InputError(field, problem: "is missing", expected: "a number")
      }
      return value
    }
    func originalPositions() throws -> Int {
      // Both are asked for, so that neither counts as unknown; the outer one wins.
      let inner = try int("original_max_position_embeddings")
      return original ?? inner ?? maxPositions
    }
    ignore("finetuned")  // where YaRN's authors say how they trained
    // Text has one position for all sections of a multimodal rotation, so they do not matter.
    ignore("mrope_section", "mrope_interleaved")
    // What `max_position_embeddings` says outside.
    ignore("max_position_embeddings")
    switch type {
    case "default", "mrope": return nil
    case "linear": return .linear(factor: try number("factor"))
    case "dynamic":
      ignore("original_max_position_embeddings")
      return .dynamic(factor: try number("factor"), originalMaxPositions: maxPositions)
    case "llama3":
      return .llama3(
        factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
        highFrequencyFactor: try number("high_freq_factor"),
        originalMaxPositions: try originalPositions())
    case "yarn": return .yarn(try yarn(maxPositions, try originalPositions()))
    case "longrope", "su":
      return try longrope(pairs, maxPositions, try originalPositions())
    default:
      throw InputError(
        "rope_type", problem: "\"\(type.prefix(60))\" is not supported",
        expected: "default, linear, dynamic, llama3, yarn or longrope")
    }
  }

  private func yarn(_ maxPositions: Int, _ original: Int) throws -> RotaryEmbedding.YaRN {
    let factor = try double("factor") ?? Double(maxPositions) / Double(max(1, original))
    let (mscale, all) = (try double("mscale"), try double("mscale_all_dim"))
    let (given, older) = (try double("attention_factor"), try double("attn_factor"))
    let implied: Double
    if let mscale, let all, mscale != 0, all != 0 {
      implied =
        RotaryEmbedding.YaRN.magnitude(factor, mscale: mscale)
        / RotaryEmbedding.YaRN.magnitude(factor, mscale: all)
    } else {
      implied = RotaryEmbedding.YaRN.magnitude(factor)
    }
    return RotaryEmbedding.YaRN(
      factor: factor, originalMaxPositions: original, betaFast: try double("beta_fast") ?? 32,
      betaSlow: try double("beta_slow") ?? 1, truncates: try bool("truncate") ?? true,
      attentionFactor: given ?? older ?? implied)
  }

  private func longrope(
    _ pairs: Int, _ maxPositions: Int, _ original: Int
  ) throws -> RotaryEmbedding.Scaling {
    func factors(_ field: String) throws -> [Double] {
      let values = try array(field) ?? []
      guard values.count == pairs else {
        throw InputError(
          field, problem: "has \(values.count) entries", expected: "one a turned pair, \(pairs)")
      }
      return try values.map { value in
        switch value {
        case .number(let factor) where factor > 0: return factor
        case .integer(let factor) where factor > 0: return Double(factor)
        default:
          throw InputError(field, problem: "holds \(value.kind)", expected: "positive numbers")
        }
      }
    }
    let ratio = Double(maxPositions) / Double(max(1, original))
    let factor = try double("factor") ?? ratio
    return .longrope(
      short: try factors("short_factor"), long: try factors("long_factor"),
      originalMaxPositions: original,
      attentionFactor: try double("attention_factor")
        ?? RotaryEmbedding.longropeMagnitude(factor, original: original))
  }
}

extension RotaryEmbedding {
  /// The fields of a `config.json` that mean this rotation, in transformers 4's spelling, which
  /// version 5 still reads.
  ///
  /// - Parameter partialFactor: of a head that is turned.
  func fields(partialFactor: Double = 1) -> [String: JSONValue] {
    var fields: [String: JSONValue] = ["rope_theta": .number(theta)]
    if partialFactor != 1 { fields["partial_rotary_factor"] = .number(partialFactor) }
    if let scaling { fields["rope_scaling"] = .object(scaling.fields()) }
    return fields
  }

  /// The same as an entry of `rope_parameters`.
  func parameters() -> JSONValue {
    var fields = scaling?.fields() ?? ["rope_type": .string("default")]
    fields["rope_theta"] = .number(theta)
    return .object(fields)
  }
}

extension RotaryEmbedding.Scaling {
  fileprivate func fields() -> [String: JSONValue] {
    switch self {
    case .linear(let factor): return ["rope_type": .string("linear"), "factor": .number(factor)]
    case .dynamic(let factor, let original):
      return [
        "rope_type": .string("dynamic"), "factor": .number(factor),
        "original_max_position_embeddings": .integer(original),
      ]
    case .llama3(let factor, let low, let high, let original):
      return [
        "rope_type": .string("llama3"), "factor": .number(factor),
        "low_freq_factor": .number(low), "high_freq_factor": .number(high),
        "original_max_position_embeddings": .integer(original),
      ]
    case .yarn(let yarn):
      return [
        "rope_type": .string("yarn"), "factor": .number(yarn.factor),
        "original_max_position_embeddings": .integer(yarn.originalMaxPositions),
        "beta_fast": .number(yarn.betaFast), "beta_slow": .number(yarn.betaSlow),
        "truncate": .bool(yarn.truncates), "attention_factor": .number(yarn.attentionFactor),
      ]
    case .longrope(let short, let long, let original, let attentionFactor):
      return [
        "rope_type": .string("longrope"), "short_factor": .array(short.map(JSONValue.number)),
        "long_factor": .array(long.map(JSONValue.number)),
        "original_max_position_embeddings": .integer(original),
        "attention_factor": .number(attentionFactor),
      ]
    }
  }
}
