import Input
import Model

/// Architectures made from one by varying its fields, if need be at a fixed number of parameters.
struct ArchitectureGrid {
  /// What may vary, in the order in which it is applied.
  enum Field: String, CaseIterable {
    case hiddenSize = "hidden_size"
    case layers = "num_hidden_layers"
    case queryHeads = "num_attention_heads"
    case keyValueHeads = "num_key_value_heads"
    case headDimension = "head_dim"
    case intermediateSize = "intermediate_size"
    case vocabularySize = "vocab_size"
    /// Query heads per KV head: sets the KV heads.
    case gqa

    /// As papers write it.
    var symbol: String {
      switch self {
      case .hiddenSize: "d"
      case .layers: "L"
      case .queryHeads: "H"
      case .keyValueHeads: "K"
      case .headDimension: "e"
      case .intermediateSize: "f"
      case .vocabularySize: "V"
      case .gqa: "gqa"
      }
    }
  }

  /// Keeps the non-embedding parameters by the choice of the intermediate size.
  struct FixedParameters {
    var parameters: Double
    /// The intermediate size is a multiple of this.
    var multiple = 64
    /// Relative, of `parameters`.
    var tolerance = 0.01
  }

  var base: Architecture
  var vary: [(field: Field, values: [Int])]
  var fixed: FixedParameters?

  /// How many combinations there are; `Int.max` where it would not fit.
  var count: Int {
    vary.reduce(1) { product, axis in
      let (value, overflow) = product.multipliedReportingOverflow(by: axis.values.count)
      return overflow ? .max : value
    }
  }

  /// Every combination that is an architecture, and of every other one, what is wrong with it.
  func architectures() -> (found: [Architecture], impossible: [String]) {
    var combinations: [[(field: Field, value: Int)]] = [[]]
    for axis in vary {
      combinations = combinations.flatMap { combination in
        axis.values.map { combination + [(axis.field, $0)] }
      }
    }
    var found: [Architecture] = []
    var impossible: [String] = []
    for combination in combinations {
      let name = ([base.name] + combination.map { "\($0.field.symbol)\($0.value)" })
        .joined(separator: "-")
      do {
        found.append(try architecture(named: name, combination))
      } catch {
        impossible.append("\(name): \(error)")
      }
    }
    return (found, impossible)
  }

  private func architecture(
    named name: String, _ combination: [(field: Field, value: Int)]
  ) throws -> Architecture {
    var varied = base
    varied.name = name
    var values = Dictionary(uniqueKeysWithValues: combination.map { ($0.field, $0.value) })
    let gqa = values.removeValue(forKey: .gqa)
    for (field, value) in values { varied.set(field, value) }
    if let gqa {
      guard varied.queryHeads % gqa == 0 else {
        throw InputError(
          problem: "gqa \(gqa) does not divide \(varied.queryHeads) query heads")
      }
      varied.keyValueHeads = varied.queryHeads / gqa
    }
    if let fixed { try fixed.solve(&varied) }
    varied = try varied.validated()
    _ = try varied.writtenConfig()  // what a cell is measured by, and told apart
    return varied
  }
}

extension ArchitectureGrid.FixedParameters {
  /// Sets the intermediate size that comes closest to the number of parameters.
  fileprivate func solve(_ architecture: inout Architecture) throws {
    // Checks the other sizes first, so that their products stay in range.
    architecture.intermediateSize = multiple
    _ = try architecture.validated()
    let attention = Double(architecture.parameters.attention)
    let perStep = Double(architecture.parameters.mlp)
    let steps = ((parameters - attention) / perStep).rounded()
    guard steps >= 1, steps * Double(multiple) <= Double(1 << 20) else {
      throw InputError(
        problem: "no intermediate size gives \(parameters) non-embedding parameters")
    }
    architecture.intermediateSize = Int(steps) * multiple
    let off = Double(architecture.parameters.nonEmbedding) / parameters - 1
    guard abs(off) <= tolerance else {
      throw InputError(
        problem: "the nearest intermediate size, \(architecture.intermediateSize), is off by "
          + "\((off * 1e4).rounded() / 100)% in parameters",
        expected: "at most \((tolerance * 1e4).rounded() / 100)%")
    }
  }
}

extension Architecture {
  fileprivate mutating func set(_ field: ArchitectureGrid.Field, _ value: Int) {
    switch field {
    case .hiddenSize: resizeHidden(to: value)
    case .layers: layers.resize(to: value)
    case .queryHeads: queryHeads = value
    case .keyValueHeads: keyValueHeads = value
    case .headDimension: headDimension = value
    case .intermediateSize: intermediateSize = value
    case .vocabularySize: vocabularySize = value
    case .gqa: preconditionFailure("gqa follows from the heads")
    }
  }
}
