import Input

// Layers that see all positions beside layers that see a window, with a rotation each.

/// The rotations of both types of layer; `nil`: positions are not told apart.
struct LayerRotaries {
  var tables: [RotaryEmbedding]
  var full: Attention.Rotation?
  var windowed: Attention.Rotation?

  init(all: (tables: [RotaryEmbedding], rotation: Attention.Rotation)) {
    (tables, full, windowed) = (all.tables, all.rotation, all.rotation)
  }

  init(full: RotaryFields, windowed: RotaryFields, headDimension: Int) {
    tables = full.rotary == windowed.rotary ? [full.rotary] : [full.rotary, windowed.rotary]
    self.full = .init(dimensions: full.dimensions(ofHead: headDimension))
    self.windowed = .init(
      table: tables.count - 1, dimensions: windowed.dimensions(ofHead: headDimension))
  }

  func rotation(isWindowed: Bool) -> Attention.Rotation? { isWindowed ? windowed : full }
}

extension ConfigReader {
  /// `rope_parameters` by type of layer; in transformers 4's spelling, `rope_theta` and `rope_scaling`
  /// for layers that see all, and `localField` for those with a window, which are never scaled.
  func rotaryByLayerType(
    _ sizes: CommonFields, theta: Double, localTheta: Double, localField: String?
  ) throws -> LayerRotaries {
    func rotary(
      _ type: String, theta: Double, thetaField: String = "rope_theta",
      sources: [String] = ConfigReader.rotaryFields
    ) throws -> RotaryFields {
      let fields = try self.rotary(
        headDimension: sizes.headDimension, maxPositions: sizes.maxPositions, layerType: type,
        sources: sources, thetaField: thetaField, theta: theta)
      try fields.demandWholeHeads()
      return fields
    }
    let byType = try Self.rotaryFields.filter { try hasRotaryByLayerType($0) }
    guard try rotaryParameters("rope_parameters") == nil || byType.contains("rope_parameters")
    else {
      throw InputError(
        "rope_parameters", problem: "is one for all layers",
        expected: "full_attention and sliding_attention with this model_type")
    }
    let full = try rotary("full_attention", theta: theta)
    let local = try localField.flatMap { try double($0) }
    if !byType.isEmpty {
      // What is said without types is of the layers that see all.
      let windowed = try rotary(
        "sliding_attention", theta: localTheta, thetaField: localField ?? "rope_theta",
        sources: byType)
      return LayerRotaries(full: full, windowed: windowed, headDimension: sizes.headDimension)
    }
    // Without a field of their own, layers with a window turn as the others do, unscaled.
    var windowed = full
    windowed.rotary = RotaryEmbedding(
      theta: localField == nil ? full.rotary.theta : local ?? localTheta)
    return LayerRotaries(full: full, windowed: windowed, headDimension: sizes.headDimension)
  }
}

extension Architecture {
  /// `rope_parameters` by type of layer, instead of transformers 4's fields.
  func rotaryByLayerType() -> [String: JSONValue] {
    [
      "rope_theta": .null, "rope_scaling": .null,
      "rope_parameters": .object([
        "full_attention": rotaries[0].parameters(),
        "sliding_attention": rotaries[rotaries.count - 1].parameters(),
      ]),
    ]
  }
}

extension GGUFMetadata {
  /// `layer_types`: by `attention.sliding_window_pattern`, else every `period`-th layer sees all.
  func layerTypes(_ layers: Int, period: Int) throws -> JSONValue {
    let key = "\(architecture).attention.sliding_window_pattern"
    var windowed = (0..<layers).map { ($0 + 1) % period != 0 }
    switch value("attention.sliding_window_pattern") {
    case nil: break
    case .integer(let period) where period > 0:
      windowed = (0..<layers).map { ($0 + 1) % period != 0 }
    case .array(let values) where values.count == layers:
      windowed = try values.map { value in
        switch value {
        case .bool(let flag): return flag
        case .integer(let flag): return flag != 0
        default: throw InputError(key, problem: "holds \(value.kind)", expected: "true or false")
        }
      }
    case .some(let value):
      throw InputError(
        key, problem: "is \(value.kind)", expected: "a number, or one value a layer")
    }
    return .array(
      windowed.map { .string($0 ? "sliding_attention" : "full_attention") })
  }
}
