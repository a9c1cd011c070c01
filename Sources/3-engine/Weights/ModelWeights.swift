import Model

/// Everything a forward pass needs of a model: the weights of each operator of its program.
public struct ModelWeights: Sendable {
  /// The weights of one operator, as far as it has any.
  public struct OperatorWeights: Sendable {
    /// Of a projection.
    public var linear: Linear?
    /// Of a norm; of query and key norms, in that order.
    public var norms: [NormWeights]
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
      found += layer.flatMap { $0.linear?.parts ?? [] }
    }
    return found
  }

  public var matrixBytes: Int { matrices.reduce(0) { $0 + $1.bytes } }

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
    func norms(_ specs: [WeightSpec], _ layer: Int?) throws -> [NormWeights] {
      try specs.indices.filter { specs[$0].form == .norm }.map { index in
        let hasBias = index + 1 < specs.count && specs[index + 1].form == .bias
        return NormWeights(
          weight: try source.vector(specs[index], layer: layer),
          bias: hasBias ? try source.vector(specs[index + 1], layer: layer) : nil)
      }
    }
    func linear(_ operation: Operator, _ layer: Int?) throws -> Linear? {
      guard case .projection(let projection) = operation.body else { return nil }
      let specs = operation.weights
      return try source.linear(
        specs.filter(\.isMatrix), biases: specs.filter { $0.form == .bias },
        isGated: projection.activation != nil && projection.second > 0, layer: layer)
    }
    func weights(_ operation: Operator, _ layer: Int?) throws -> OperatorWeights {
      OperatorWeights(
        linear: try linear(operation, layer), norms: try norms(operation.weights, layer))
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
    finalNorm = try norms(program.head[0].weights, nil)[0]
    let headSpecs = program.head[1].weights
    if architecture.tiedEmbeddings {
      let biases = headSpecs.filter { $0.form == .bias }
      head = Linear(
        [embedding], bias: try biases.first.map { try source.vector($0, layer: nil) })
    } else {
      head = try linear(program.head[1], nil)!
    }
  }

  /// The same weights with each matrix changed, those that several operators use only once.
  ///
  /// - Parameter change: is given a projection, and whether its parts must stay apart.
  func mapping(
    table: (Matrix) throws -> Matrix, linear change: (Linear, _ isGated: Bool) throws -> Linear
  ) rethrows -> ModelWeights {
    var result = self
    result.embedding = try table(embedding)
    result.positions = try positions.map(table)
    result.head =
      isTied ? Linear([result.embedding], bias: head.bias) : try change(head, false)
    for (index, operators) in program.layers.enumerated() {
      let shared = architecture.layers.source(of: index)
      guard shared == index else {
        result.layers[index] = result.layers[shared]
        continue
      }
      for (place, operation) in operators.enumerated() {
        guard let linear = layers[index][place].linear else { continue }
        result.layers[index][place].linear = try change(
          linear, operation.kind == .gateUpProjection && linear.parts.count > 1)
      }
    }
    return result
  }
}
