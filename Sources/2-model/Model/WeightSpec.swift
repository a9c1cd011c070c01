/// What a tensor is for, whatever a file calls it.
public enum WeightRole: String, Sendable, CaseIterable {
  case embedding, positions, attentionNorm, query, key, value, queryNorm, keyNorm, sinks
  case attentionOutput, attentionOutputNorm, mlpNorm, gate, up, down, mlpOutputNorm, finalNorm, head
  /// Of latent attention: from compressed queries to the heads'; to what the cache holds; from there
  /// to each head's key and value, one head after another.
  case queryUp, keyValueDown, keyValueNorm, keyValueUp
  case router, routerCorrection, expertGate, expertUp, expertDown
  case sharedScale, sharedGate, sharedUp, sharedDown
}

/// A tensor that an operator needs: a matrix of `rows` by `columns`, or a vector of `rows` elements.
public struct WeightSpec: Sendable, Hashable {
  public enum Form: Sendable, Hashable {
    case matrix(columns: Int)
    /// A small matrix whose results decide: kept in f32 whatever the others are stored in.
    case exact(columns: Int)
    /// The weight of a norm, about 1.
    case norm
    /// The bias of a norm or of a projection.
    case bias
  }

  public let role: WeightRole
  public let form: Form
  public let rows: Int
  /// Of experts, whose.
  public let expert: Int?

  public init(role: WeightRole, form: Form, rows: Int, expert: Int? = nil) {
    self.role = role
    self.form = form
    self.rows = rows
    self.expert = expert
  }

  public var isMatrix: Bool { columns != nil }
  /// Whether it is read row by row, so that packing would be in the way: its rows are summed as well as
  /// multiplied.
  public var isReadByRows: Bool { role == .keyValueUp }
  public var isExact: Bool { if case .exact = form { true } else { false } }
  public var columns: Int? {
    switch form {
    case .matrix(let columns), .exact(let columns): columns
    case .norm, .bias: nil
    }
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
    case .norm, .residual, .rotaryAndCacheWrite, .latentRotaryAndCacheWrite:
      return norms.flatMap { applied in
        (applied.norm.hasWeight
          ? [WeightSpec(role: applied.role, form: .norm, rows: applied.count)] : [])
          + (applied.norm.hasBias
            ? [WeightSpec(role: applied.role, form: .bias, rows: applied.count)] : [])
      }
    case .projection(let projection):
      let parts = projectionRoles(projection)
      return parts.map {
        WeightSpec(role: $0.role, form: .matrix(columns: projection.inputs), rows: $0.rows)
      }
        + (projection.hasBias
          ? parts.map { WeightSpec(role: $0.role, form: .bias, rows: $0.rows) } : [])
    case .attention(let attention):
      guard attention.hasSinks else { return [] }
      return [WeightSpec(role: .sinks, form: .bias, rows: attention.queryHeads)]
    case .latentAttention(let attention):
      return [
        WeightSpec(
          role: .keyValueUp, form: .matrix(columns: attention.rank), rows: attention.expandedWidth)
      ]
    case .route(let experts, _):
      let router = experts.router
      return [WeightSpec(role: .router, form: .exact(columns: width), rows: experts.count)]
        + (router.hasBias ? [WeightSpec(role: .router, form: .bias, rows: experts.count)] : [])
        + (router.hasCorrection
          ? [WeightSpec(role: .routerCorrection, form: .bias, rows: experts.count)] : [])
    case .experts(let experts, _, _):
      return (0..<experts.count).flatMap { weights(ofExpert: $0, experts) }
    case .sharedScale:
      return [WeightSpec(role: .sharedScale, form: .exact(columns: width), rows: 1)]
    }
  }

  /// Gate, up and down, then their biases.
  public func weights(ofExpert expert: Int, _ experts: Experts) -> [WeightSpec] {
    let f = experts.intermediateSize
    let matrices: [(role: WeightRole, rows: Int, columns: Int)] = [
      (.expertGate, f, width), (.expertUp, f, width), (.expertDown, width, f),
    ]
    return matrices.map {
      WeightSpec(role: $0.role, form: .matrix(columns: $0.columns), rows: $0.rows, expert: expert)
    }
      + (experts.hasBias
        ? matrices.map { WeightSpec(role: $0.role, form: .bias, rows: $0.rows, expert: expert) }
        : [])
  }

  /// The norms that the operator applies, and over how many elements there are weights.
  public var norms: [(norm: Norm, role: WeightRole, count: Int)] {
    switch body {
    case .norm(let norm, _, _), .residual(.some(let norm), _): return [(norm, normRole, width)]
    case .rotaryAndCacheWrite(let attention):
      guard let norm = attention.queryKeyNorm else { return [] }
      return [
        (norm.norm, .queryNorm, norm.elements(heads: attention.queryHeads, attention)),
        (norm.norm, .keyNorm, norm.elements(heads: attention.keyValueHeads, attention)),
      ]
    case .latentRotaryAndCacheWrite(let attention):
      return [(attention.latentNorm, .keyValueNorm, attention.rank)]
    default: return []
    }
  }

  private var normRole: WeightRole {
    switch kind {
    case .attentionNorm: .attentionNorm
    case .queryNorm: .queryNorm
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
    case .qkvProjection:
      return third > 0
        ? [(.query, first), (.key, second), (.value, third)]
        : [(.query, first), (.keyValueDown, second)]
    case .queryProjection: return [(.queryUp, first)]
    case .outputProjection: return [(.attentionOutput, first)]
    case .gateUpProjection: return second > 0 ? [(.gate, first), (.up, second)] : [(.up, first)]
    case .downProjection: return [(.down, first)]
    case .sharedGateUpProjection: return [(.sharedGate, first), (.sharedUp, second)]
    case .sharedDownProjection: return [(.sharedDown, first)]
    case .head: return [(.head, first)]
    default: preconditionFailure("\(kind) is no projection")
    }
  }

  // The same as sums, for searches: no list is made, and the body is looked into once, since each look
  // copies it.

  /// Elements of an operator's tensors.
  public struct Elements: Equatable, Sendable, BitwiseCopyable {
    /// Of matrices, exact ones apart.
    public var matrix = 0
    /// Of `matrix`, those of experts that a token does not pass.
    public var inactive = 0
    /// Of matrices that are kept in f32.
    public var exact = 0
    public var norms = 0
    public var biases = 0

    @inlinable init() {}
  }

  @inlinable @inline(__always)
  public var elements: Elements {
    var elements = Elements()
    switch body {
    case .embedding(let vocabulary, let positions, _):
      elements.matrix = (vocabulary + positions) * width
    case .norm(let norm, _, _), .residual(.some(let norm), _):
      (elements.norms, elements.biases) = norm.elements(width)
    case .projection(let projection):
      elements.matrix = projection.inputs * projection.columns
      elements.biases = projection.hasBias ? projection.columns : 0
    case .rotaryAndCacheWrite(let attention):
      (elements.norms, elements.biases) = attention.queryKeyNormElements
    case .attention(let attention):
      elements.biases = attention.hasSinks ? attention.queryHeads : 0
    case .latentRotaryAndCacheWrite(let attention):
      (elements.norms, elements.biases) = attention.latentNorm.elements(attention.rank)
    case .latentAttention(let attention):
      elements.matrix = attention.rank * attention.expandedWidth
    case .route(let experts, _):
      elements.exact = experts.count * width
      elements.biases =
        (experts.router.hasBias ? experts.count : 0)
        + (experts.router.hasCorrection ? experts.count : 0)
    case .experts(let experts, _, _):
      let one = experts.elementsOfOne(hiddenSize: width)
      elements.matrix = experts.count * one
      elements.inactive = (experts.count - experts.active) * one
      elements.biases =
        experts.hasBias ? experts.count * (2 * experts.intermediateSize + width) : 0
    case .sharedScale: elements.exact = width
    case .residual(nil, _): break
    }
    return elements
  }
}

extension Experts {
  /// Of one expert's matrices.
  @inlinable public func elementsOfOne(hiddenSize: Int) -> Int { 3 * hiddenSize * intermediateSize }
}

extension Norm {
  /// Of a norm over `count` elements.
  @inlinable func elements(_ count: Int) -> (norms: Int, biases: Int) {
    (hasWeight ? count : 0, hasBias ? count : 0)
  }
}

extension Attention {
  @usableFromInline var queryKeyNormElements: (norms: Int, biases: Int) {
    guard let norm = queryKeyNorm else { return (0, 0) }
    return norm.norm.elements(
      norm.elements(heads: queryHeads, self) + norm.elements(heads: keyValueHeads, self))
  }
}

extension Attention.QueryKeyNorm {
  func elements(heads: Int, _ attention: Attention) -> Int {
    extent == .head ? attention.headDimension : heads * attention.headDimension
  }
}
