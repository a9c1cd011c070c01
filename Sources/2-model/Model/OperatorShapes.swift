// The sizes of one layer's operators in a step, as far as they depend on more than its rows.

/// The sizes of one layer's attention, over all sequences of a step.
public struct AttentionShape: Hashable, Codable, Sendable, BitwiseCopyable {
  public var sequences: Int
  /// New tokens.
  public var tokens: Int
  /// Pairs of a new token and a position it sees.
  public var pairs: Int
  /// Positions of the cache that some new token sees.
  public var positions: Int
  public var queryHeads: Int
  public var keyValueHeads: Int
  public var headDimension: Int

  public init(
    sequences: Int, tokens: Int, pairs: Int, positions: Int, queryHeads: Int, keyValueHeads: Int,
    headDimension: Int
  ) {
    self.sequences = sequences
    self.tokens = tokens
    self.pairs = pairs
    self.positions = positions
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
  }

  /// `batch` sequences of `new` tokens each after `cached` positions.
  public init(
    batch: Int, cached: Int, new: Int, queryHeads: Int, keyValueHeads: Int, headDimension: Int,
    window: Int? = nil, chunk: Int? = nil
  ) {
    let sequence = Step.Sequence(cached: cached, new: new)
    self.init(
      sequences: batch, tokens: batch * new,
      pairs: batch * sequence.visiblePairs(window: window, chunk: chunk),
      positions: batch * sequence.visiblePositions(window: window, chunk: chunk),
      queryHeads: queryHeads,
      keyValueHeads: keyValueHeads,
      headDimension: headDimension)
  }

  /// Of `batch` sequences of `new` tokens each after `cached` positions.
  public init(batch: Int, cached: Int, new: Int, _ attention: Attention) {
    self.init(
      batch: batch, cached: cached, new: new, queryHeads: attention.queryHeads,
      keyValueHeads: attention.keyValueHeads, headDimension: attention.headDimension,
      window: attention.window, chunk: attention.chunk)
  }

  public init(_ sequences: [Step.Sequence], _ attention: Attention) {
    let (window, chunk) = (attention.window, attention.chunk)
    self.init(
      sequences: sequences.count, tokens: sequences.reduce(0) { $0 + $1.new },
      pairs: sequences.reduce(0) { $0 + $1.visiblePairs(window: window, chunk: chunk) },
      positions: sequences.reduce(0) { $0 + $1.visiblePositions(window: window, chunk: chunk) },
      queryHeads: attention.queryHeads, keyValueHeads: attention.keyValueHeads,
      headDimension: attention.headDimension)
  }

  /// Whether each sequence has a single new token.
  public var isDecode: Bool { tokens == sequences }

  /// `4·H·e` a pair: two multiply-adds an element.
  public var flops: Double { 4 * Double(pairs) * Double(queryHeads) * Double(headDimension) }
}

/// The sizes of one layer's latent attention, over all sequences of a step. Of some, keys and values of
/// all positions are projected from the cache (`expanded`); the others work on the cache itself.
public struct LatentAttentionShape: Hashable, Codable, Sendable, BitwiseCopyable {
  public struct Part: Hashable, Codable, Sendable, BitwiseCopyable {
    public var sequences = 0
    /// New tokens.
    public var tokens = 0
    /// Pairs of a new token and a position it sees.
    public var pairs = 0
    /// Positions of the cache that some new token sees.
    public var positions = 0

    public init(sequences: Int = 0, tokens: Int = 0, pairs: Int = 0, positions: Int = 0) {
      self.sequences = sequences
      self.tokens = tokens
      self.pairs = pairs
      self.positions = positions
    }
  }

  public var expanded: Part
  public var absorbed: Part
  public var queryHeads: Int
  /// Width of the compressed keys and values.
  public var rank: Int
  /// Of a head's query and key: elements that are not turned, and those that are.
  public var plainWidth: Int
  public var rotaryWidth: Int
  public var valueWidth: Int

  public init(
    expanded: Part, absorbed: Part, queryHeads: Int, rank: Int, plainWidth: Int, rotaryWidth: Int,
    valueWidth: Int
  ) {
    self.expanded = expanded
    self.absorbed = absorbed
    self.queryHeads = queryHeads
    self.rank = rank
    self.plainWidth = plainWidth
    self.rotaryWidth = rotaryWidth
    self.valueWidth = valueWidth
  }

  init(_ attention: LatentAttention) {
    self.init(
      expanded: Part(), absorbed: Part(), queryHeads: attention.queryHeads, rank: attention.rank,
      plainWidth: attention.plainWidth, rotaryWidth: attention.rotaryWidth,
      valueWidth: attention.valueWidth)
  }

  /// Counts `count` sequences of `new` tokens after `cached` positions.
  mutating func add(_ sequence: Step.Sequence, times count: Int, _ attention: LatentAttention) {
    let (cached, new) = (sequence.cached, sequence.new)
    func add(to part: inout Part) {
      part.sequences += count
      part.tokens += count * new
      part.pairs += count * sequence.visiblePairs(window: nil)
      part.positions += count * (cached + new)
    }
    if attention.expands(cached: cached, new: new) {
      add(to: &expanded)
    } else {
      add(to: &absorbed)
    }
  }

  public var tokens: Int { expanded.tokens + absorbed.tokens }
  public var positions: Int { expanded.positions + absorbed.positions }
  /// Width of all heads' keys and values that are projected from a position.
  public var expandedWidth: Int { queryHeads * (plainWidth + valueWidth) }
  public var cacheWidth: Int { rank + rotaryWidth }

  /// As `LatentAttention` counts them.
  public var flops: Double {
    let projections = Double(expanded.positions + absorbed.tokens)
    let (heads, wide) = (Double(queryHeads), Double(plainWidth + rotaryWidth + valueWidth))
    return 2 * projections * Double(rank) * Double(expandedWidth)
      + 2 * Double(expanded.pairs) * heads * wide
      + 2 * Double(absorbed.pairs) * heads * Double(cacheWidth + rank)
  }
}

/// The sizes of one layer's experts in a step.
public struct ExpertsShape: Hashable, Codable, Sendable, BitwiseCopyable {
  public var tokens: Int
  public var hiddenSize: Int
  /// Of one expert.
  public var intermediateSize: Int
  public var count: Int
  /// Experts that each token passes.
  public var active: Int
  /// Experts that some token passes, on average.
  public var distinct: Double

  public init(
    tokens: Int, hiddenSize: Int, intermediateSize: Int, count: Int, active: Int, distinct: Double
  ) {
    self.tokens = tokens
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.count = count
    self.active = active
    self.distinct = distinct
  }

  @usableFromInline
  init(tokens: Int, hiddenSize: Int, _ experts: Experts, _ routing: Routing) {
    self.init(
      tokens: tokens, hiddenSize: hiddenSize, intermediateSize: experts.intermediateSize,
      count: experts.count, active: experts.active,
      distinct: routing.distinct(tokens: tokens, of: experts))
  }

  /// Rows that all experts together multiply.
  public var rows: Int { tokens * active }
  /// Elements of one expert's matrices.
  public var elementsOfOne: Int { 3 * hiddenSize * intermediateSize }
  public var flops: Double { 2 * Double(rows) * Double(elementsOfOne) }
}

/// What a step holds, as far as operators depend on it.
public enum StepExtent: Sendable {
  /// `batch` sequences of `new` tokens each after `cached` positions.
  case even(batch: Int, cached: Int, new: Int)
  case sequences([Step.Sequence])

  public func shape(_ attention: Attention) -> AttentionShape {
    switch self {
    case .even(let batch, let cached, let new):
      AttentionShape(batch: batch, cached: cached, new: new, attention)
    case .sequences(let sequences): AttentionShape(sequences, attention)
    }
  }

  public func shape(_ attention: LatentAttention) -> LatentAttentionShape {
    var shape = LatentAttentionShape(attention)
    switch self {
    case .even(let batch, let cached, let new):
      shape.add(Step.Sequence(cached: cached, new: new), times: batch, attention)
    case .sequences(let sequences):
      for sequence in sequences { shape.add(sequence, times: 1, attention) }
    }
    return shape
  }
}
