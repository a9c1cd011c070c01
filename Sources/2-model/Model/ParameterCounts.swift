import Formats
import Input

/// Parameters of an architecture, by part, and the ratios the scaling laws speak of.
///
/// `nonEmbedding` is the `N` of arXiv 2510.18245: attention and MLP matrices; norms, biases and
/// embeddings are counted apart. Weights that layers share count once.
public struct ParameterCounts: Equatable, Sendable {
  /// All layers' query, key, value and output matrices: `d·e·(2H + 2K)` a layer.
  public var attention = 0
  /// All layers' gate, up and down matrices: `3·d·f` a layer.
  public var mlp = 0
  /// Weights and biases of norms.
  public var norms = 0
  /// Biases of projections.
  public var biases = 0
  /// The token embedding, `V·d`, and that of positions.
  public var embedding = 0
  /// The output head: `V·d`, or 0 where it is tied to the embedding.
  public var head = 0

  public var nonEmbedding: Int { attention + mlp }
  public var matrices: Int { nonEmbedding + embedding + head }
  public var total: Int { matrices + norms + biases }

  public init() {}

  @inlinable
  mutating func add(_ operation: Operator, times count: Int) {
    let matrix = count * operation.matrixElements
    switch operation.kind {
    case .embedding: embedding += matrix
    case .qkvProjection, .outputProjection: attention += matrix
    case .gateUpProjection, .downProjection: mlp += matrix
    case .head: head += matrix
    default: break
    }
    let vectors = operation.vectorElements
    norms += count * vectors.norms
    if vectors.norms > 0 {
      norms += count * vectors.biases
    } else {
      biases += count * vectors.biases
    }
  }
}

extension Architecture {
  public var parameters: ParameterCounts { parameters { _, _ in } }

  /// Parameters that one of `devices` holds.
  ///
  /// - Parameter body: called with each operator and how many layers run it, on the way.
  @inlinable
  public func parameters(
    devices: Int = 1, _ body: (Operator, _ count: Int) -> Void
  ) -> ParameterCounts {
    var counts = ParameterCounts()
    forEachOperator(devices: devices) { operation, count, ownCount in
      counts.add(operation, times: ownCount)
      body(operation, count)
    }
    if tiedEmbeddings { counts.head = 0 }
    return counts
  }

  /// `r`: MLP parameters over attention parameters.
  public var mlpToAttentionRatio: Double {
    let counts = parameters
    return Double(counts.mlp) / Double(counts.attention)
  }

  /// `d/√N`.
  public var normalizedHiddenSize: Double {
    Double(hiddenSize) / Double(parameters.nonEmbedding).squareRoot()
  }

  /// Bytes one token adds to the KV cache.
  public func cacheBytesPerToken(_ dtype: DType) -> Double {
    var elements = 0
    layers.forEachKind { layer, count in
      elements += count * 2 * (layer.attention?.keyValueWidth ?? 0)
    }
    return Double(elements) * dtype.bytesPerElement
  }

  /// Bytes of all weights: matrices in `dtype`, norms and biases in f32.
  ///
  /// Throws where a matrix's rows do not fill whole blocks of `dtype`.
  public func weightBytes(_ dtype: DType) throws -> Int {
    try checkRows(fill: dtype)
    let counts = parameters
    return dtype.bytes(counts.matrices) + DType.f32.bytes(counts.norms + counts.biases)
  }

  /// Throws where a matrix's rows do not fill whole blocks of `dtype`.
  public func checkRows(fill dtype: DType) throws {
    var partial: (Operator.Kind, Int)?
    forEachOperator { operation, _, _ in
      let columns: Int
      switch operation.body {
      case .embedding: columns = operation.width
      case .projection(let projection): columns = projection.inputs
      default: return
      }
      if columns % dtype.blockElements != 0, partial == nil { partial = (operation.kind, columns) }
    }
    guard let (kind, columns) = partial else { return }
    let field =
      switch kind {
      case .outputProjection: "num_attention_heads × head_dim"
      case .downProjection: "intermediate_size"
      default: "hidden_size"
      }
    throw InputError(
      name, field, problem: "\(columns) does not fill blocks of \(dtype)",
      expected: "a multiple of \(dtype.blockElements)")
  }
}
