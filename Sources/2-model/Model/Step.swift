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
    window: Int? = nil
  ) {
    let sequence = Step.Sequence(cached: cached, new: new)
    self.init(
      sequences: batch, tokens: batch * new, pairs: batch * sequence.visiblePairs(window: window),
      positions: batch * sequence.visiblePositions(window: window), queryHeads: queryHeads,
      keyValueHeads: keyValueHeads,
      headDimension: headDimension)
  }

  /// Of `batch` sequences of `new` tokens each after `cached` positions.
  public init(batch: Int, cached: Int, new: Int, _ attention: Attention) {
    self.init(
      batch: batch, cached: cached, new: new, queryHeads: attention.queryHeads,
      keyValueHeads: attention.keyValueHeads, headDimension: attention.headDimension,
      window: attention.window)
  }

  public init(_ step: Step, _ attention: Attention) {
    self.init(
      sequences: step.sequences.count, tokens: step.tokens,
      pairs: step.sequences.reduce(0) { $0 + $1.visiblePairs(window: attention.window) },
      positions: step.sequences.reduce(0) { $0 + $1.visiblePositions(window: attention.window) },
      queryHeads: attention.queryHeads, keyValueHeads: attention.keyValueHeads,
      headDimension: attention.headDimension)
  }

  /// Whether each sequence has a single new token.
  public var isDecode: Bool { tokens == sequences }

  /// `4·H·e` a pair: two multiply-adds an element.
  public var flops: Double { 4 * Double(pairs) * Double(queryHeads) * Double(headDimension) }
}

/// One forward step: for each sequence, how many positions are cached and how many tokens are new.
public struct Step: Hashable, Sendable {
  public struct Sequence: Hashable, Sendable {
    public var cached: Int
    public var new: Int

    public init(cached: Int, new: Int) {
      self.cached = cached
      self.new = new
    }
  }

  /// Positions whose logits are computed.
  public enum Logits: Sendable {
    case none
    /// The last new token of each sequence: what sampling needs.
    case last
    case all
  }

  public var sequences: [Sequence]
  public var logits: Logits

  public init(sequences: [Sequence], logits: Logits) {
    self.sequences = sequences
    self.logits = logits
  }

  /// `batch` sequences of `new` tokens each after `cached` ones.
  public init(batch: Int, cached: Int, new: Int, logits: Logits = .last) {
    self.init(
      sequences: Array(repeating: Sequence(cached: cached, new: new), count: batch), logits: logits)
  }

  public var tokens: Int { sequences.reduce(0) { $0 + $1.new } }

  public var logitsRows: Int {
    switch logits {
    case .none: 0
    case .last: sequences.count
    case .all: tokens
    }
  }
}

extension Step.Sequence {
  /// `Σ_{i=1..T} min(C + i, window)`: pairs of a new token and a position it sees.
  public func visiblePairs(window: Int?) -> Int {
    func triangle(_ n: Int) -> Int { n * (n + 1) / 2 }
    guard let window, cached + new > window else {
      return triangle(cached + new) - triangle(cached)
    }
    let growing = max(0, window - cached)  // tokens that still see everything before them
    return triangle(cached + growing) - triangle(cached) + (new - growing) * window
  }

  /// Positions of the cache that some new token sees: the design's `min(C + T, window)`, widened
  /// by the `T - 1` positions that only earlier tokens of the step see through a window.
  public func visiblePositions(window: Int?) -> Int {
    guard let window else { return cached + new }
    return min(cached + new, window + new - 1)
  }
}
