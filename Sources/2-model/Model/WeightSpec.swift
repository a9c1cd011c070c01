/// What a tensor is for, whatever a file calls it.
public enum WeightRole: String, Sendable, CaseIterable {
  case embedding, positions, attentionNorm, query, key, value, queryNorm, keyNorm
  case attentionOutput, attentionOutputNorm, mlpNorm, gate, up, down, mlpOutputNorm, finalNorm, head
}

/// A tensor that an operator needs: a matrix of `rows` by `columns`, or a vector of `rows` elements.
public struct WeightSpec: Sendable, Hashable {
  public enum Form: Sendable, Hashable {
    case matrix(columns: Int)
    /// The weight of a norm, about 1.
    case norm
    /// The bias of a norm or of a projection.
    case bias
  }

  public let role: WeightRole
  public let form: Form
  public let rows: Int

  public init(role: WeightRole, form: Form, rows: Int) {
    self.role = role
    self.form = form
    self.rows = rows
  }

  public var isMatrix: Bool { columns != nil }
  public var columns: Int? {
    if case .matrix(let columns) = form { columns } else { nil }
  }
  public var elements: Int { rows * (columns ?? 1) }
}

extension Operator {
  /// The tensors of the operator: matrices, then their biases; weights of norms, each with its bias.
  ///
  /// The head's matrix is listed even where it is the embedding's.
  public var weights: [WeightSpec] {
    switch body {
    case .embedding(let vocabulary, let positions, _):
      let table = WeightSpec(role: .embedding, form: .matrix(columns: width), rows: vocabulary)
      guard positions > 0 else { return [table] }
      return [
        table, WeightSpec(role: .positions, form: .matrix(columns: width), rows: positions),
      ]
    case .norm(let norm, _, _): return Self.weights(of: norm, normRole, count: width)
    case .residual(let norm, _):
      return norm.map { Self.weights(of: $0, normRole, count: width) } ?? []
    case .projection(let projection):
      let parts = projectionRoles(projection)
      return parts.map {
        WeightSpec(role: $0.role, form: .matrix(columns: projection.inputs), rows: $0.rows)
      }
        + (projection.hasBias
          ? parts.map { WeightSpec(role: $0.role, form: .bias, rows: $0.rows) } : [])
    case .rotaryAndCacheWrite(let attention):
      guard let norm = attention.queryKeyNorm else { return [] }
      return Self.weights(
        of: norm.norm, .queryNorm, count: norm.elements(heads: attention.queryHeads, attention))
        + Self.weights(
          of: norm.norm, .keyNorm, count: norm.elements(heads: attention.keyValueHeads, attention))
    case .attention: return []
    }
  }

  private static func weights(of norm: Norm, _ role: WeightRole, count: Int) -> [WeightSpec] {
    [WeightSpec(role: role, form: .norm, rows: count)]
      + (norm.hasBias ? [WeightSpec(role: role, form: .bias, rows: count)] : [])
  }

  private var normRole: WeightRole {
    switch kind {
    case .attentionNorm: .attentionNorm
    case .attentionResidual: .attentionOutputNorm
    case .mlpNorm: .mlpNorm
    case .mlpResidual: .mlpOutputNorm
    case .finalNorm: .finalNorm
    default: preconditionFailure("\(kind) is no norm")
    }
  }

  private func projectionRoles(_ projection: Projection) -> [(role: WeightRole, rows: Int)] {
    let (first, second, third) = (projection.first, projection.second, projection.third)
    switch kind {
    case .qkvProjection: return [(.query, first), (.key, second), (.value, third)]
    case .outputProjection: return [(.attentionOutput, first)]
    case .gateUpProjection: return second > 0 ? [(.gate, first), (.up, second)] : [(.up, first)]
    case .downProjection: return [(.down, first)]
    case .head: return [(.head, first)]
    default: preconditionFailure("\(kind) is no projection")
    }
  }

  // The same as sums, for searches: no list is made.

  /// Elements of the matrices.
  @inlinable public var matrixElements: Int {
    switch body {
    case .embedding(let vocabulary, let positions, _): (vocabulary + positions) * width
    case .projection(let projection): projection.inputs * projection.columns
    default: 0
    }
  }

  /// Elements of norms, and of biases.
  @inlinable public var vectorElements: (norms: Int, biases: Int) {
    switch body {
    case .norm(let norm, _, _), .residual(.some(let norm), _):
      (width, norm.hasBias ? width : 0)
    case .projection(let projection): (0, projection.hasBias ? projection.columns : 0)
    case .rotaryAndCacheWrite(let attention): attention.queryKeyNormElements
    default: (0, 0)
    }
  }
}

extension Attention {
  @usableFromInline var queryKeyNormElements: (norms: Int, biases: Int) {
    guard let norm = queryKeyNorm else { return (0, 0) }
    let count = norm.elements(heads: queryHeads, self) + norm.elements(heads: keyValueHeads, self)
    return (count, norm.norm.hasBias ? count : 0)
  }
}

extension Attention.QueryKeyNorm {
  func elements(heads: Int, _ attention: Attention) -> Int {
    extent == .head ? attention.headDimension : heads * attention.headDimension
  }
}
