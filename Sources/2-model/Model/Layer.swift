/// One block of a decoder: a mixer of positions and a feed-forward part, each of which adds to the
/// residual stream. Either may be absent.
///
/// Layers hold sizes only, no references: a search makes and drops them by the million.
public struct Layer: Hashable, Sendable, BitwiseCopyable {
  /// How the two parts follow each other.
  public enum Arrangement: Hashable, Sendable, BitwiseCopyable {
    /// The feed-forward part reads what the mixer has added to.
    case sequential
    /// Both read the layer's input, each through a norm of its own (GPT-NeoX).
    case parallel
    /// Both read the layer's input through attention's norm (Cohere, StableLM).
    case parallelOneNorm
  }

  public var mixer: Mixer?
  public var feedForward: FeedForward?
  public var arrangement: Arrangement
  /// What the two parts give is multiplied by this before it is added (Granite, MiniCPM).
  public var residualScale: Double

  public init(
    mixer: Mixer?, feedForward: FeedForward?, arrangement: Arrangement = .sequential,
    residualScale: Double = 1
  ) {
    self.mixer = mixer
    self.feedForward = feedForward
    self.arrangement = arrangement
    self.residualScale = residualScale
  }

  public init(
    attention: Attention?, mlp: MLP?, arrangement: Arrangement = .sequential,
    residualScale: Double = 1
  ) {
    self.init(
      mixer: attention.map(Mixer.attention), feedForward: mlp.map(FeedForward.dense),
      arrangement: arrangement, residualScale: residualScale)
  }
}

/// What lets a token see others.
public enum Mixer: Hashable, Sendable, BitwiseCopyable {
  case attention(Attention)
  case latentAttention(LatentAttention)
}

/// What is done to each token by itself.
public enum FeedForward: Hashable, Sendable, BitwiseCopyable {
  case dense(MLP)
  case experts(Experts)
}

// The parts by kind: `nil` where the layer has another one or none. Set to a part, they replace what is
// there; set to `nil`, as `layer.attention?.window = 5` does where there is no attention, they remove their
// own kind only.
extension Layer {
  @inlinable public var attention: Attention? {
    get { if case .attention(let attention)? = mixer { attention } else { nil } }
    set {
      if let newValue {
        mixer = .attention(newValue)
      } else if attention != nil {
        mixer = nil
      }
    }
  }

  @inlinable public var latentAttention: LatentAttention? {
    get { if case .latentAttention(let attention)? = mixer { attention } else { nil } }
    set {
      if let newValue {
        mixer = .latentAttention(newValue)
      } else if latentAttention != nil {
        mixer = nil
      }
    }
  }

  @inlinable public var mlp: MLP? {
    get { if case .dense(let mlp)? = feedForward { mlp } else { nil } }
    set {
      if let newValue {
        feedForward = .dense(newValue)
      } else if mlp != nil {
        feedForward = nil
      }
    }
  }

  @inlinable public var experts: Experts? {
    get { if case .experts(let experts)? = feedForward { experts } else { nil } }
    set {
      if let newValue {
        feedForward = .experts(newValue)
      } else if experts != nil {
        feedForward = nil
      }
    }
  }
}

/// Grouped-query attention (arXiv 2305.13245) with everything that families vary.
public struct Attention: Hashable, Sendable, BitwiseCopyable {
  public var queryHeads: Int
  public var keyValueHeads: Int
  /// Width of a query, key and value head; independent of `hiddenSize / queryHeads`.
  public var headDimension: Int
  /// Positions a token sees, itself included; `nil`: all before it.
  public var window: Int?
  /// Positions are cut into chunks of so many, and a token sees its own chunk only (Llama 4).
  public var chunk: Int?
  /// `nil`: positions are not told apart here (NoPE).
  public var rotary: Rotation?
  public var queryKeyNorm: QueryKeyNorm?
  /// Biases of the query, key and value projections.
  public var inputBias: Bool
  public var outputBias: Bool
  /// What scores are multiplied by; `nil`: 1/√headDimension.
  public var scale: Double?
  /// Scores become `softcap·tanh(score/softcap)` (Gemma 2).
  public var softcap: Double?
  /// Queries far out are scaled up (Llama 4, Ministral 3).
  public var temperature: QueryTemperature?
  /// Each query head has a learned score that joins its softmax and attends to nothing (gpt-oss).
  public var hasSinks: Bool
  public var inputNorm: Norm?
  /// Of the projected output, before it is added to the residual stream.
  public var outputNorm: Norm?

  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, window: Int? = nil, chunk: Int? = nil,
    rotary: Rotation? = nil, queryKeyNorm: QueryKeyNorm? = nil, inputBias: Bool = false,
    outputBias: Bool = false, scale: Double? = nil, softcap: Double? = nil,
    temperature: QueryTemperature? = nil, hasSinks: Bool = false, inputNorm: Norm?,
    outputNorm: Norm? = nil
  ) {
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.window = window
    self.chunk = chunk
    self.rotary = rotary
    self.queryKeyNorm = queryKeyNorm
    self.inputBias = inputBias
    self.outputBias = outputBias
    self.scale = scale
    self.softcap = softcap
    self.temperature = temperature
    self.hasSinks = hasSinks
    self.inputNorm = inputNorm
    self.outputNorm = outputNorm
  }

  /// Width of all query heads together, `H·e`.
  public var queryWidth: Int { queryHeads * headDimension }
  /// Width of all key (or value) heads together, `K·e`.
  public var keyValueWidth: Int { keyValueHeads * headDimension }
  /// Queries, keys and values side by side.
  public var inputWidth: Int { queryWidth + 2 * keyValueWidth }
  /// Query heads that share one KV head, `H/K`.
  public var group: Int { queryHeads / keyValueHeads }
  public var scoreScale: Double { scale ?? 1 / Double(headDimension).squareRoot() }

  /// How a layer turns its queries and keys.
  public struct Rotation: Hashable, Sendable, BitwiseCopyable {
    /// Index into the architecture's `rotaries`.
    public var table: Int
    /// Leading elements of a head that are turned; the others stay.
    public var dimensions: Int
    /// Whether turned pairs are neighbours (2i, 2i + 1), or lie half of `dimensions` apart.
    public var interleaved: Bool

    public init(table: Int = 0, dimensions: Int, interleaved: Bool = false) {
      self.table = table
      self.dimensions = dimensions
      self.interleaved = interleaved
    }
  }

  /// A norm of queries and keys, before their rotation unless it says otherwise.
  public struct QueryKeyNorm: Hashable, Sendable, BitwiseCopyable {
    public enum Extent: Hashable, Sendable, BitwiseCopyable {
      /// Each head by itself, all with the same weights (Qwen3).
      case head
      /// Each head by itself, with weights of its own (StableLM).
      case eachHead
      /// All heads together (OLMo 2).
      case allHeads
    }

    public var norm: Norm
    public var extent: Extent
    public var isAfterRotation: Bool

    public init(_ norm: Norm, _ extent: Extent, isAfterRotation: Bool = false) {
      self.norm = norm
      self.extent = extent
      self.isAfterRotation = isAfterRotation
    }
  }

  /// Queries at position p are multiplied by `1 + beta·ln(1 + ⌊(p + offset) / positions⌋)`.
  public struct QueryTemperature: Hashable, Sendable, BitwiseCopyable {
    public var beta: Double
    public var positions: Int
    /// 1 where positions are counted from 1 (Llama 4).
    public var offset: Int

    public init(beta: Double, positions: Int, offset: Int = 0) {
      self.beta = beta
      self.positions = positions
      self.offset = offset
    }
  }
}

/// The feed-forward part: `down(activation(gate(x)) · up(x))`, or `down(activation(up(x)))`.
public struct MLP: Hashable, Sendable, BitwiseCopyable {
  public enum Activation: String, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    case silu, gelu, relu
    /// GELU by tanh.
    case geluTanh = "gelu_tanh"
    case reluSquared = "relu2"
    /// `gate·sigmoid(1.702·gate)·(up + 1)`, gate at most 7 and up within ±7 (gpt-oss).
    case clampedSwiGLU = "clamped_swiglu"
  }

  public var intermediateSize: Int
  public var activation: Activation
  public var isGated: Bool
  public var inputBias: Bool
  public var outputBias: Bool
  public var inputNorm: Norm?
  /// Of the projected output, before it is added to the residual stream.
  public var outputNorm: Norm?

  public init(
    intermediateSize: Int, activation: Activation = .silu, isGated: Bool = true,
    inputBias: Bool = false, outputBias: Bool = false, inputNorm: Norm?, outputNorm: Norm? = nil
  ) {
    self.intermediateSize = intermediateSize
    self.activation = activation
    self.isGated = isGated
    self.inputBias = inputBias
    self.outputBias = outputBias
    self.inputNorm = inputNorm
    self.outputNorm = outputNorm
  }
}

/// RMSNorm (arXiv 1910.07467) or LayerNorm (arXiv 1607.06450), with a weight for each element unless
/// it says otherwise.
public struct Norm: Hashable, Sendable, BitwiseCopyable {
  public enum Kind: Hashable, Sendable, BitwiseCopyable { case rms, layer }

  // The number first: what follows it fits into one word.
  public var epsilon: Double
  public var kind: Kind
  public var hasBias: Bool
  public var hasWeight: Bool

  public init(_ kind: Kind, epsilon: Double, hasBias: Bool = false, hasWeight: Bool = true) {
    self.kind = kind
    self.epsilon = epsilon
    self.hasBias = hasBias
    self.hasWeight = hasWeight
  }

  public static func rms(_ epsilon: Double) -> Norm { Norm(.rms, epsilon: epsilon) }
}
