/// One block of a decoder: attention and an MLP, each of which adds to the residual stream. Either may
/// be absent.
///
/// Layers hold sizes only, no references: a search makes and drops them by the million.
public struct Layer: Hashable, Sendable, BitwiseCopyable {
  /// How the two parts follow each other.
  public enum Arrangement: Hashable, Sendable, BitwiseCopyable {
    /// The MLP reads what attention has added to.
    case sequential
    /// Both read the layer's input, each through a norm of its own (GPT-NeoX).
    case parallel
    /// Both read the layer's input through attention's norm (Cohere, StableLM).
    case parallelOneNorm
  }

  public var attention: Attention?
  public var mlp: MLP?
  public var arrangement: Arrangement
  /// What attention and MLP give is multiplied by this before it is added (Granite, MiniCPM).
  public var residualScale: Double

  public init(
    attention: Attention?, mlp: MLP?, arrangement: Arrangement = .sequential,
    residualScale: Double = 1
  ) {
    self.attention = attention
    self.mlp = mlp
    self.arrangement = arrangement
    self.residualScale = residualScale
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
  public var inputNorm: Norm?
  /// Of the projected output, before it is added to the residual stream.
  public var outputNorm: Norm?

  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, window: Int? = nil,
    rotary: Rotation? = nil, queryKeyNorm: QueryKeyNorm? = nil, inputBias: Bool = false,
    outputBias: Bool = false, scale: Double? = nil, softcap: Double? = nil,
    temperature: QueryTemperature? = nil, inputNorm: Norm?, outputNorm: Norm? = nil
  ) {
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.window = window
    self.rotary = rotary
    self.queryKeyNorm = queryKeyNorm
    self.inputBias = inputBias
    self.outputBias = outputBias
    self.scale = scale
    self.softcap = softcap
    self.temperature = temperature
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

  /// A norm of queries and keys before their rotation.
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

    public init(_ norm: Norm, _ extent: Extent) {
      self.norm = norm
      self.extent = extent
    }
  }

  /// Queries at position p are multiplied by `1 + beta·ln(1 + ⌊p / positions⌋)`.
  public struct QueryTemperature: Hashable, Sendable, BitwiseCopyable {
    public var beta: Double
    public var positions: Int

    public init(beta: Double, positions: Int) {
      self.beta = beta
      self.positions = positions
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

/// RMSNorm (arXiv 1910.07467) or LayerNorm (arXiv 1607.06450), with a weight for each element.
public struct Norm: Hashable, Sendable, BitwiseCopyable {
  public enum Kind: Hashable, Sendable, BitwiseCopyable { case rms, layer }

  // The number first: what follows it fits into one word.
  public var epsilon: Double
  public var kind: Kind
  public var hasBias: Bool

  public init(_ kind: Kind, epsilon: Double, hasBias: Bool = false) {
    self.kind = kind
    self.epsilon = epsilon
    self.hasBias = hasBias
  }

  public static func rms(_ epsilon: Double) -> Norm { Norm(.rms, epsilon: epsilon) }
}
