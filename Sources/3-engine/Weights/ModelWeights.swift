import Model

/// Everything a forward pass needs of a model: the weights of each operator of its program.
public struct ModelWeights: Sendable {
  /// The weights of one operator, as far as it has any.
  public struct OperatorWeights: Sendable {
    /// Of a projection; latent attention's to keys and values, a router's to scores.
    public var linear: Linear?
    /// Of a norm; of query and key norms, in that order.
    public var norms: [NormWeights]
    public var experts: [ExpertWeights] = []
    /// One number for each head or expert: scores of sinks, corrections of a router's.
    public var numbers: FloatBuffer?
  }

  /// One expert's matrices, gate and up as two parts.
  public struct ExpertWeights: Sendable {
    public var gateUp: Linear
    public var down: Linear
  }

  public struct NormWeights: Sendable {
    public let weight: FloatBuffer
    public let bias: FloatBuffer?
  }

  public let architecture: Architecture
  public let program: Program
  public var embedding: Matrix
  /// Learned embeddings of positions.
  public var positions: Matrix?
  /// Of each layer, the weights of its operators in the program's order.
  public var layers: [[OperatorWeights]]
  public var finalNorm: NormWeights
  /// The embedding itself where they are tied.
  public var head: Linear

  public var isTied: Bool { head.parts[0].base == embedding.base }

  /// All matrices, those that several operators use counted once.
  public var matrices: [Matrix] {
    var found = [embedding] + (positions.map { [$0] } ?? []) + (isTied ? [] : head.parts)
    for (index, layer) in layers.enumerated()
    where architecture.layers.source(of: index) == index {
      found += layer.flatMap { own in
        (own.linear?.parts ?? []) + own.experts.flatMap { $0.gateUp.parts + $0.down.parts }
      }
    }
    return found
  }

  public var matrixBytes: Int { matrices.reduce(0) { $0 + $1.bytes } }

  /// How the matrices are stored, routers apart.
  public var storage: WeightStorage {
    func stored(_ matrices: [Matrix]) -> WeightStorage.Matrices {
      var stored = WeightStorage.Matrices()
      for matrix in matrices { stored.add(matrix.dtype, matrix.rows * matrix.columns) }
      return stored
    }
    var storage = WeightStorage(layers: layers.count)
    storage.add(
      stored([embedding] + (positions.map { [$0] } ?? [])), of: program.embedding[0].kind,
      layer: nil)
    for (index, operators) in program.layers.enumerated() {
      let isOwn = architecture.layers.source(of: index) == index
      for (place, operation) in operators.enumerated() where operation.elements.matrix > 0 {
        let own = layers[index][place]
        let matrices =
          (own.linear?.parts ?? []) + own.experts.flatMap { $0.gateUp.parts + $0.down.parts }
        storage.add(stored(matrices), of: operation.kind, layer: index, isOwn: isOwn)
      }
    }
    storage.add(stored(head.parts), of: program.head[1].kind, layer: nil, isOwn: !isTied)
    return storage
  }

  /// The weights of a layer's operator, `nil` where the layer does not have it.
  public func weights(_ kind: Operator.Kind, ofLayer layer: Int) -> OperatorWeights? {
    program.layers[layer].firstIndex { $0.kind == kind }.map { layers[layer][$0] }
  }
}

/// Makes the weights of a program, wherever they come from.
protocol WeightSource {
  /// - Parameters:
  ///   - matrices: over the same inputs, one after another.
  ///   - biases: one for each, or none.
  ///   - isGated: whether the outputs of two matrices are multiplied, and so stay apart.
  func linear(
    _ matrices: [WeightSpec], biases: [WeightSpec], isGated: Bool, layer: Int?
  ) throws -> Linear
  func vector(_ spec: WeightSpec, layer: Int?) throws -> FloatBuffer
}

extension ModelWeights {
  init(_ architecture: Architecture, from source: some WeightSource) throws {
    // A norm that has no weights is one whose weights are 1.
    func norms(_ operation: Operator, _ layer: Int?) throws -> [NormWeights] {
      try operation.norms.map { norm, role, count in
        func vector(_ form: WeightSpec.Form) throws -> FloatBuffer {
          try source.vector(WeightSpec(role: role, form: form, rows: count), layer: layer)
        }
        return NormWeights(
          weight: norm.hasWeight
            ? try vector(.norm) : try FloatBuffer(Array(repeating: 1, count: count)),
          bias: norm.hasBias ? try vector(.bias) : nil)
      }
    }
    func linear(
      _ specs: [WeightSpec], isGated: Bool = false, _ layer: Int?
    ) throws -> Linear {
      try source.linear(
        specs.filter(\.isMatrix), biases: specs.filter { $0.form == .bias }, isGated: isGated,
        layer: layer)
    }
    func linear(_ operation: Operator, _ layer: Int?) throws -> Linear? {
      let specs = operation.weights.filter { $0.role != .routerCorrection }
      switch operation.body {
      case .projection(let projection):
        return try linear(
          specs, isGated: projection.activation != nil && projection.second > 0, layer)
      case .latentAttention, .route, .sharedScale: return try linear(specs, layer)
      case .embedding, .norm, .rotaryAndCacheWrite, .attention, .latentRotaryAndCacheWrite,
        .experts, .residual:
        return nil
      }
    }
    func experts(_ operation: Operator, _ layer: Int?) throws -> [ExpertWeights] {
      guard case .experts(let experts, _, _) = operation.body else { return [] }
      return try (0..<experts.count).map { expert in
        let specs = operation.weights(ofExpert: expert, experts)
        return ExpertWeights(
          gateUp: try linear(specs.filter { $0.role != .expertDown }, isGated: true, layer),
          down: try linear(specs.filter { $0.role == .expertDown }, layer))
      }
    }
    func weights(_ operation: Operator, _ layer: Int?) throws -> OperatorWeights {
      let experts = try experts(operation, layer)
      guard experts.isEmpty else { return OperatorWeights(norms: [], experts: experts) }
      let specs = operation.weights
      let numbers = specs.first { $0.role == .sinks || $0.role == .routerCorrection }
      return OperatorWeights(
        linear: try linear(operation, layer), norms: try norms(operation, layer),
        numbers: try numbers.map { try source.vector($0, layer: layer) })
    }
    self.architecture = architecture
    program = architecture.lowered()
    let tables = try program.embedding[0].weights.map {
      try source.linear([$0], biases: [], isGated: false, layer: nil).parts[0]
    }
    embedding = tables[0]
    positions = tables.count > 1 ? tables[1] : nil
    layers = []
    for (index, operators) in program.layers.enumerated() {
      let shared = architecture.layers.source(of: index)
      layers.append(
        try shared < index ? layers[shared] : operators.map { try weights($0, index) })
    }
    finalNorm = try norms(program.head[0], nil)[0]
    let headSpecs = program.head[1].weights
    if architecture.tiedEmbeddings {
      let biases = headSpecs.filter { $0.form == .bias }
      head = Linear(
        [embedding], bias: try biases.first.map { try source.vector($0, layer: nil) })
    } else {
      head = try linear(program.head[1], nil)!
    }
  }

  /// Matrices over the same inputs, as `mapping` comes to them.
  struct MappedLinear {
    let linear: Linear
    /// What is in it, one after another: as many rows as `linear`.
    let specs: [WeightSpec]
    let layer: Int?
    /// Whether parts must stay apart, since the outputs of two matrices are multiplied.
    var isGated = false
    /// Whether it must lie in rows.
    var isReadByRows: Bool { specs[0].isReadByRows }
  }

  /// The same weights with all matrices but the routers' changed, those that several operators use only
  /// once.
  func mapping(_ change: (MappedLinear) throws -> Linear) rethrows -> ModelWeights {
    var result = self
    func changed(
      _ linear: Linear, _ specs: [WeightSpec], _ layer: Int? = nil, isGated: Bool = false
    ) throws -> Linear {
      try change(
        MappedLinear(
          linear: linear, specs: specs.filter(\.isMatrix), layer: layer, isGated: isGated))
    }
    let tables = program.embedding[0].weights
    result.embedding = try changed(Linear([embedding]), [tables[0]]).parts[0]
    result.positions = try positions.map { try changed(Linear([$0]), [tables[1]]).parts[0] }
    result.head =
      isTied
      ? Linear([result.embedding], bias: head.bias) : try changed(head, program.head[1].weights)
    for (index, operators) in program.layers.enumerated() {
      let shared = architecture.layers.source(of: index)
      guard shared == index else {
        result.layers[index] = result.layers[shared]
        continue
      }
      for (place, operation) in operators.enumerated() {
        let own = layers[index][place]
        switch operation.body {
        case .projection(let projection):
          result.layers[index][place].linear = try own.linear.map {
            try changed(
              $0, operation.weights, index,
              isGated: projection.activation != nil && $0.parts.count > 1)
          }
        case .latentAttention:
          result.layers[index][place].linear = try own.linear.map {
            try changed($0, operation.weights, index)
          }
        case .experts(let experts, _, _):
          result.layers[index][place].experts = try own.experts.enumerated().map {
            let specs = operation.weights(ofExpert: $0, experts)
            return ExpertWeights(
              gateUp: try changed(
                $1.gateUp, specs.filter { $0.role != .expertDown }, index, isGated: true),
              down: try changed($1.down, specs.filter { $0.role == .expertDown }, index))
          }
        case .embedding, .norm, .rotaryAndCacheWrite, .attention, .latentRotaryAndCacheWrite,
          .route, .sharedScale, .residual:
          break
        }
      }
    }
    return result
  }
}
