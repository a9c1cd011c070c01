import CostModel
import Requests

/// A server as it was started: its policy, its limits, and the memory for keys and values.
public struct Deployment: Sendable {
  public var policy: PolicyKind
  /// Most tokens of one step.
  public var stepTokens: Int
  /// Most sequences at once.
  public var mostSequences: Int
  /// Positions that the cache holds; those of a block.
  public var cachePositions: Int
  public var blockPositions: Int
  var growth: CacheGrowth

  /// Whether prompts that begin alike share what is cached (the engines' default).
  public var reusesPrefixes = true

  /// A server whose layers are all alike.
  public init(
    policy: PolicyKind, stepTokens: Int, mostSequences: Int, cachePositions: Int,
    blockPositions: Int = 16
  ) {
    precondition(blockPositions.nonzeroBitCount == 1 && stepTokens > 0 && mostSequences > 0)
    self.policy = policy
    self.stepTokens = stepTokens
    self.mostSequences = mostSequences
    self.cachePositions = cachePositions
    self.blockPositions = blockPositions
    growth = CacheGrowth(layers: 1, windowedLayers: 0, window: 0, blockPositions: blockPositions)
  }

  /// A server with the memory of `plan`.
  public init(policy: PolicyKind, stepTokens: Int, mostSequences: Int, plan: MemoryPlan) {
    let block = policy.blockPositions
    self.init(
      policy: policy, stepTokens: stepTokens, mostSequences: mostSequences,
      cachePositions: Int(min(1e15, plan.positions)), blockPositions: block)
    growth = plan.growth(blockPositions: block)
  }

  /// Units of cache in all.
  var capacity: Int { growth.capacity(cachePositions) }

  /// Whether one request of such a length fits by itself.
  public func holds(_ request: ServingRequest) -> Bool {
    growth.units(request.input + request.output) <= capacity
  }
}
