import Formats
import Machine
import Model

/// The time of one operator on one device: one schema for this host's tracer and for the kernel
/// tables of GPUs.
public struct OperatorTiming: Equatable, Sendable {
  public var device: String
  /// The software whose kernels were timed: `dyno`, `vllm`.
  public var engine: String
  public var kind: Operator.Kind?
  public var shape: SizedOperator.Shape
  /// Of experts: how devices share them, where that is known. `shape` has one device's part of an
  /// expert's columns, and the experts of all devices.
  public var placement: ExpertPlacement?
  /// Storage of weights; of activations where the operator has no weights.
  public var weights: NumberStorage
  public var cache: NumberStorage
  public var seconds: Double
  /// How many timings `seconds` is the median of.
  public var samples: Int
  /// Whether the same call was timed again and again, so that its operands may be found in the last
  /// cache.
  public var isRepeated: Bool
  /// What the machine could do right then, where that was measured.
  public var limits: MachineLimits?
  /// Where the row is from: a line of a file, an architecture. For messages and held-out splits.
  public var origin: String
  /// The process it was measured in, where several rows share one: what happened to the machine
  /// meanwhile, happened to all of them.
  public var run = ""

  public init(
    device: String, engine: String, kind: Operator.Kind? = nil, shape: SizedOperator.Shape,
    placement: ExpertPlacement? = nil,
    weights: NumberStorage, cache: NumberStorage, seconds: Double, samples: Int = 1,
    isRepeated: Bool = false,
    limits: MachineLimits? = nil,
    origin: String = ""
  ) {
    self.device = device
    self.engine = engine
    self.kind = kind
    self.shape = shape
    self.placement = placement
    self.weights = weights
    self.cache = cache
    self.seconds = seconds
    self.samples = samples
    self.isRepeated = isRepeated
    self.limits = limits
    self.origin = origin
  }
}
