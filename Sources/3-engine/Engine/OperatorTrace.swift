import Formats
import Machine
import Model

/// Times of every operator of every step, recorded by the engine while it is attached.
public final class OperatorTrace {
  public struct Event: Sendable {
    /// What ran, with its FLOPs and bytes.
    public let operation: SizedOperator
    /// Index of the step it belongs to.
    public let step: Int
    /// On `SteadyClock`.
    public let startNanoseconds: Int
    public let durationNanoseconds: Int
  }

  public private(set) var events: [Event] = []
  private var steps = 0
  private var pending: [SizedOperator] = []
  private var position = 0
  private let architecture: Architecture
  private let weights: WeightStorage
  private let cache: DType

  /// - Parameters: how what is counted in bytes is stored.
  public init(_ architecture: Architecture, weights: WeightStorage, cache: DType) {
    self.architecture = architecture
    self.weights = weights
    self.cache = cache
  }

  func begin(_ step: Step) {
    pending = architecture.operators(of: step, weights: weights, cache: cache)
    position = 0
    steps += 1
    events.reserveCapacity(events.count + pending.count)
  }

  func record(_ kind: Operator.Kind, start: Int, end: Int) {
    let operation = pending[position]
    precondition(operation.kind == kind, "the engine ran \(kind) where \(operation.kind) is listed")
    position += 1
    events.append(
      Event(
        operation: operation, step: steps - 1, startNanoseconds: start,
        durationNanoseconds: end - start))
  }
}
