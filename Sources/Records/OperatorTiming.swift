import Architectures
import Operators

/// The time of one operator on one device: one schema for this host's tracer and for the kernel
/// tables of GPUs.
public struct OperatorTiming: Equatable, Sendable {
  public var device: String
  /// The software whose kernels were timed: `dyno`, `vllm`.
  public var engine: String
  public var kind: Operator.Kind?
  public var shape: Operator.Shape
  /// Storage of weights; of activations where the operator has no weights.
  public var weights: DType
  public var cache: DType
  public var seconds: Double
  /// How many timings `seconds` is the median of.
  public var samples: Int
  /// What the machine could do right then, where that was measured.
  public var limits: MachineLimits?
  /// Where the row is from: a line of a file, an architecture. For messages and held-out splits.
  public var origin: String

  public init(
    device: String, engine: String, kind: Operator.Kind? = nil, shape: Operator.Shape,
    weights: DType, cache: DType, seconds: Double, samples: Int = 1, limits: MachineLimits? = nil,
    origin: String = ""
  ) {
    self.device = device
    self.engine = engine
    self.kind = kind
    self.shape = shape
    self.weights = weights
    self.cache = cache
    self.seconds = seconds
    self.samples = samples
    self.limits = limits
    self.origin = origin
  }
}
