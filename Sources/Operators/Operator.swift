import Architectures

/// One operator of a forward step, as the engine runs it and the cost model prices it.
public struct Operator: Equatable, Sendable {
  /// What it does. The raw value names it in traces and operator rows.
  public enum Kind: String, Codable, CaseIterable, Sendable {
    /// Gathers the embedding rows of the step's tokens.
    case embedding
    /// RMSNorm before attention.
    case attentionNorm = "attention_norm"
    /// Query, key and value projections, one GEMM of width `(H + 2K)·e`.
    case qkvProjection = "qkv_projection"
    /// Query and key norms where the architecture has them, rotation, and the KV cache's write.
    case rotaryAndCacheWrite = "rotary_and_cache_write"
    case attention
    /// Back to the hidden size, added to the residual stream.
    case outputProjection = "output_projection"
    /// RMSNorm before the MLP.
    case mlpNorm = "mlp_norm"
    /// Gate and up projections, one GEMM of width `2f`, and SwiGLU.
    case gateUpProjection = "gate_up_projection"
    /// Back to the hidden size, added to the residual stream.
    case downProjection = "down_projection"
    /// RMSNorm of the positions whose logits are asked for.
    case finalNorm = "final_norm"
    /// The vocabulary projection of those positions.
    case head
  }

  /// The sizes that determine its cost.
  public enum Shape: Hashable, Sendable {
    /// `m` rows against an `n` by `k` weight matrix.
    case gemm(m: Int, n: Int, k: Int)
    /// `rows` rows of `width` elements, of which `stored` are written to the KV cache.
    case rows(Int, width: Int, stored: Int = 0)
    case attention(AttentionShape)
  }

  public let kind: Kind
  /// The layer, `nil` for what stands outside the layers.
  public let layer: Int?
  public let shape: Shape
  /// Multiply-adds count 2. Elementwise work is not counted: it is bound by bytes.
  public let flops: Double
  public let weightBytes: Double
  /// Activations in and out, f32.
  public let activationBytes: Double
  public let cacheReadBytes: Double
  public let cacheWriteBytes: Double
  /// Positions a token sees in attention, itself included; `nil`: all before it.
  public var window: Int?

  public var bytes: Double { weightBytes + activationBytes + cacheReadBytes + cacheWriteBytes }
}

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
