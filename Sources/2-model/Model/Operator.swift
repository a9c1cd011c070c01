/// One operator of a program: what it computes, from where to where, with which weights. Its cost
/// follows from a step's sizes (`SizedOperator`).
public struct Operator: Hashable, Sendable, BitwiseCopyable {
  /// What it is for. The raw value names it in traces and operator rows.
  public enum Kind: String, Codable, CaseIterable, Sendable, BitwiseCopyable {
    /// Gathers the embedding rows of the step's tokens.
    case embedding
    /// In front of attention.
    case attentionNorm = "attention_norm"
    /// Query, key and value projections, one GEMM of width `(H + 2K)·e`; of latent attention, those to
    /// what queries are made of and to what the cache holds.
    case qkvProjection = "qkv_projection"
    /// Norm of latent attention's compressed queries.
    case queryNorm = "query_norm"
    /// From compressed queries to the heads'.
    case queryProjection = "query_projection"
    /// Query and key norms where the architecture has them, rotation, and the KV cache's write.
    case rotaryAndCacheWrite = "rotary_and_cache_write"
    case attention
    /// Latent attention, with the projections of keys and values, or of queries and outputs instead.
    case latentAttention = "latent_attention"
    /// Back to the hidden size, added to the residual stream unless `attentionResidual` follows.
    case outputProjection = "output_projection"
    /// Norm or scale of attention's output, which is then added to the residual stream.
    case attentionResidual = "attention_residual"
    /// In front of the MLP.
    case mlpNorm = "mlp_norm"
    /// Gate and up projections, one GEMM of width `2f`, or up alone, and the activation.
    case gateUpProjection = "gate_up_projection"
    /// Back to the hidden size, added to the residual stream unless `mlpResidual` follows.
    case downProjection = "down_projection"
    /// Scores of experts, and the choice among them.
    case router
    /// The chosen experts' MLPs and the weighted sum of what they give.
    case experts
    /// The factor of the shared expert's output.
    case sharedScale = "shared_scale"
    /// As `gateUpProjection` and `downProjection`, of the shared expert.
    case sharedGateUpProjection = "shared_gate_up_projection"
    case sharedDownProjection = "shared_down_projection"
    /// Norm or scale of the feed-forward output, which is then added to the residual stream.
    case mlpResidual = "mlp_residual"
    /// Of the positions whose logits are asked for.
    case finalNorm = "final_norm"
    /// The vocabulary projection of those positions.
    case head
  }

  /// A buffer of activations, a row for each token.
  public enum Place: Int, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    case residual
    /// What attention reads.
    case attentionInput
    /// What a parallel MLP reads, while `attentionInput` is in use.
    case mlpInput
    /// Query heads, then key heads, then value heads; of latent attention, the queries or what they
    /// are made of, then what the cache holds.
    case queryKeyValue
    /// Latent attention's queries, where they are made of compressed ones.
    case queries
    /// Attention's output, heads side by side.
    case attended
    /// What the MLP's last projection reads.
    case activated
    /// A router's score for each expert.
    case expertScores
    /// One number a token: the shared expert's factor.
    case sharedScale
    /// A part's output before it is added to the residual stream.
    case branch
    /// Normed rows whose logits are asked for.
    case selected
    case logits
  }

  public enum Body: Hashable, Sendable, BitwiseCopyable {
    /// Rows of a table of `vocabulary` rows, and of one of `positions` (0: none), into the residual
    /// stream.
    case embedding(vocabulary: Int, positions: Int, scale: Double)
    case norm(Norm, from: Place, to: Place)
    case projection(Projection)
    case rotaryAndCacheWrite(Attention)
    case attention(Attention)
    /// Norms what the cache holds of a token, turns keys and queries, writes the cache.
    case latentRotaryAndCacheWrite(LatentAttention)
    case latentAttention(LatentAttention)
    /// Chooses experts for each token.
    case route(Experts, from: Place)
    /// Adds to what is in `to` where that is the residual stream, else replaces it.
    case experts(Experts, from: Place, to: Place)
    /// `sigmoid(x·w)`, one number a token.
    case sharedScale(from: Place)
    /// `residual += scale·norm(branch)`
    case residual(Norm?, scale: Double)
  }

  public var kind: Kind
  /// Of the rows that it reads or writes: the hidden size, except of projections.
  public var width: Int
  public var body: Body

  @inlinable
  init(_ kind: Kind, width: Int, _ body: Body) {
    self.kind = kind
    self.width = width
    self.body = body
  }
}

/// `y = x·Wᵀ + b`, where W may be several matrices over the same inputs.
public struct Projection: Hashable, Sendable, BitwiseCopyable {
  public var inputs: Int
  /// Rows of the matrices, one after another; 0: not there.
  public var first, second, third: Int
  public var hasBias: Bool
  /// Applied to the outputs: to the first matrix's, which are then multiplied with the second's
  /// where there is one.
  public var activation: MLP.Activation?
  public var from: Operator.Place
  public var to: Operator.Place
  /// Whether outputs are added to what is there, or replace it.
  public var accumulates: Bool
  /// Whether what the activation gives is multiplied by the token's number in `sharedScale`.
  public var isScaled: Bool

  /// - Parameter accumulates: by default into the residual stream only.
  @inlinable
  init(
    inputs: Int, outputs first: Int, _ second: Int = 0, _ third: Int = 0, hasBias: Bool,
    activation: MLP.Activation? = nil, from: Operator.Place, to: Operator.Place,
    accumulates: Bool? = nil, isScaled: Bool = false
  ) {
    self.inputs = inputs
    self.first = first
    self.second = second
    self.third = third
    self.hasBias = hasBias
    self.activation = activation
    self.from = from
    self.to = to
    self.accumulates = accumulates ?? (to == .residual)
    self.isScaled = isScaled
  }

  /// Columns of the GEMM.
  @inlinable public var columns: Int { first + second + third }
  /// Columns that are left of it after the activation.
  @inlinable public var results: Int { activation != nil ? first : columns }
}
