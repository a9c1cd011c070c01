/// A mixture of experts (arXiv 1701.06538): a router chooses `active` of `count` MLPs for each token,
/// whose outputs are added, weighted. Experts are gated: `down(activation(gate(x)) · up(x))`.
public struct Experts: Hashable, Sendable, BitwiseCopyable {
  public var count: Int
  public var active: Int
  /// Of one expert.
  public var intermediateSize: Int
  public var activation: MLP.Activation
  /// Biases of the experts' three projections.
  public var hasBias: Bool
  public var router: Router
  /// An MLP that every token passes (DeepSeekMoE, arXiv 2401.06066); several are one wider one.
  public var shared: Shared?
  public var inputNorm: Norm?
  /// Of the sum of all outputs, before it is added to the residual stream.
  public var outputNorm: Norm?

  public init(
    count: Int, active: Int, intermediateSize: Int, activation: MLP.Activation = .silu,
    hasBias: Bool = false, router: Router, shared: Shared? = nil, inputNorm: Norm?,
    outputNorm: Norm? = nil
  ) {
    self.count = count
    self.active = active
    self.intermediateSize = intermediateSize
    self.activation = activation
    self.hasBias = hasBias
    self.router = router
    self.shared = shared
    self.inputNorm = inputNorm
    self.outputNorm = outputNorm
  }

  public struct Shared: Hashable, Sendable, BitwiseCopyable {
    public var intermediateSize: Int
    /// Its output is multiplied by the sigmoid of a projection of its input to one number (Qwen2-MoE).
    public var isScaled: Bool

    public init(intermediateSize: Int, isScaled: Bool = false) {
      self.intermediateSize = intermediateSize
      self.isScaled = isScaled
    }
  }

  /// How experts are chosen and weighted, from one score for each.
  public struct Router: Hashable, Sendable, BitwiseCopyable {
    public enum Scoring: String, Hashable, Sendable, BitwiseCopyable { case softmax, sigmoid }

    public var scoring: Scoring
    /// Whether the weights of the chosen experts are made to sum to 1.
    public var renormalises: Bool
    /// What their weights are multiplied by then.
    public var scale: Double
    /// Whether experts have learned numbers that are added to their scores where experts are chosen,
    /// not where they are weighted (DeepSeek-V3, arXiv 2412.19437).
    public var hasCorrection: Bool
    /// Whether the projection to scores has a bias.
    public var hasBias: Bool
    /// Whether an expert's input is multiplied by its weight, instead of its output (Llama 4).
    public var scalesInput: Bool
    /// Experts are chosen out of the best groups only; `nil`: out of all.
    public var groups: Groups?

    public init(
      scoring: Scoring = .softmax, renormalises: Bool, scale: Double = 1,
      hasCorrection: Bool = false, hasBias: Bool = false, scalesInput: Bool = false,
      groups: Groups? = nil
    ) {
      self.scoring = scoring
      self.renormalises = renormalises
      self.scale = scale
      self.hasCorrection = hasCorrection
      self.hasBias = hasBias
      self.scalesInput = scalesInput
      self.groups = groups
    }
  }

  /// Neighbouring experts in groups of equal size.
  public struct Groups: Hashable, Sendable, BitwiseCopyable {
    public var count: Int
    public var active: Int
    /// A group is as good as the sum of its so many best scores: 1 in DeepSeek-V2, 2 in V3.
    public var best: Int

    public init(count: Int, active: Int, best: Int) {
      self.count = count
      self.active = active
      self.best = best
    }
  }
}
