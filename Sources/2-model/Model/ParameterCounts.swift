import Formats
import Input

/// Parameters of an architecture, by part, and the ratios the scaling laws speak of.
///
/// `nonEmbedding` is the `N` of arXiv 2510.18245: attention and MLP matrices; norms, biases and
/// embeddings are counted apart. Weights that layers share count once. With experts there are two
/// counts: of all of them, and `active`, of those that one token passes.
public struct ParameterCounts: Equatable, Sendable {
  /// All layers' query, key, value and output matrices: `d·e·(2H + 2K)` a layer.
  public var attention = 0
  /// All layers' gate, up and down matrices, of all experts: `3·d·f` a layer or expert.
  public var mlp = 0
  /// The part of `mlp` that belongs to experts which a token does not pass.
  public var inactive = 0
  /// Matrices that choose and weight experts.
  public var router = 0
  /// Weights and biases of norms.
  public var norms = 0
  /// Biases of projections.
  public var biases = 0
  /// The token embedding, `V·d`, and that of positions.
  public var embedding = 0
  /// The output head: `V·d`, or 0 where it is tied to the embedding.
  public var head = 0

  public var nonEmbedding: Int { attention + mlp + router }
  /// Of `nonEmbedding`, what one token is multiplied with.
  public var activeNonEmbedding: Int { nonEmbedding - inactive }
  /// Matrices that are stored as the user chooses; routers are kept in f32.
  public var matrices: Int { attention + mlp + embedding + head }
  /// What is kept in f32.
  public var exact: Int { router + norms + biases }
  public var total: Int { matrices + exact }
  public var active: Int { total - inactive }

  public init() {}

  @inlinable
  mutating func add(_ operation: Operator, times count: Int) {
    let elements = operation.elements
    let matrix = count * elements.matrix
    switch operation.kind {
    case .embedding: embedding += matrix
    case .qkvProjection, .queryProjection, .latentAttention, .outputProjection:
      attention += matrix
    case .gateUpProjection, .downProjection, .experts, .sharedGateUpProjection,
      .sharedDownProjection:
      mlp += matrix
    case .head: head += matrix
    case .attentionNorm, .queryNorm, .rotaryAndCacheWrite, .attention, .attentionResidual, .mlpNorm,
      .router, .sharedScale, .mlpResidual, .finalNorm:
      break
    }
    inactive += count * elements.inactive
    router += count * elements.exact
    norms += count * elements.norms
    if elements.norms > 0 {
      norms += count * elements.biases
    } else {
      biases += count * elements.biases
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
      elements += count * (layer.mixer?.cacheWidth ?? 0)
    }
    return Double(elements) * dtype.bytesPerElement
  }

  /// Bytes of all weights: matrices as `format` says; norms, biases and routers in f32.
  ///
  /// Throws as `checkRows` does.
  public func weightBytes(_ format: WeightFormat) throws -> Int {
    let counts = parameters
    let dtype = format.base
    let exact = DType.f32.bytes(counts.exact)
    guard format.isMix || firstRow(where: { $0 % dtype.blockElements != 0 }) != nil else {
      return dtype.bytes(counts.matrices) + exact
    }
    return try WeightStorage(format, self).all.bytes + exact
  }

  /// Throws where a matrix's rows fill whole blocks neither of the format nor of its fallback.
  public func checkRows(fill format: WeightFormat) throws {
    let dtype = format.base
    guard let (field, columns) = firstRow(where: { dtype.fitting(columns: $0) == nil }) else {
      return
    }
    throw InputError(
      name, field, problem: "\(columns) does not fill blocks of \(dtype)",
      expected: "a multiple of \(dtype.format.fallback?.blockElements ?? dtype.blockElements)")
  }

  /// The first kind of matrix whose rows have so many elements, by the field that says so.
  private func firstRow(where isWanted: (Int) -> Bool) -> (field: String, columns: Int)? {
    var found: (field: String, columns: Int)?
    func check(_ field: String, _ columns: Int) {
      if found == nil, isWanted(columns) { found = (field, columns) }
    }
    forEachOperator { operation, _, _ in
      switch operation.body {
      case .embedding: check("hidden_size", operation.width)
      case .projection(let projection):
        switch operation.kind {
        case .outputProjection: check("num_attention_heads × head_dim", projection.inputs)
        case .queryProjection: check("q_lora_rank", projection.inputs)
        case .downProjection: check("intermediate_size", projection.inputs)
        case .sharedDownProjection: check("shared_expert_intermediate_size", projection.inputs)
        default: check("hidden_size", projection.inputs)
        }
      case .latentAttention(let attention): check("kv_lora_rank", attention.rank)
      case .experts(let experts, _, _):
        check("moe_intermediate_size", experts.intermediateSize)
        check("hidden_size", operation.width)
      case .norm, .rotaryAndCacheWrite, .attention, .latentRotaryAndCacheWrite, .route,
        .sharedScale, .residual:
        break
      }
    }
    return found
  }
}

extension Mixer {
  /// Elements that the cache holds of a token.
  @inlinable public var cacheWidth: Int {
    switch self {
    case .attention(let attention): 2 * attention.keyValueWidth
    case .latentAttention(let attention): attention.cacheWidth
    }
  }
}
