import Architectures
import Records

/// How a device's memory is spent on a model, a device's part where tensor-parallel.
public struct MemoryPlan: Sendable, Equatable {
  public var weights: Double
  public var activations: Double
  public var reserved: Double
  /// Bytes of the KV cache for one position of one sequence.
  public var cachePerPosition: Double
  /// Bytes left for the KV cache; 0 where weights and activations do not fit.
  public var cacheRoom: Double

  init(
    _ architecture: Architecture, _ workload: ServingWorkload, weights: DType, cache: DType,
    engine: ServingEngine, limits: DeviceLimits, tensorParallel: Int
  ) {
    let counts = architecture.parameters
    let parts = Double(tensorParallel)
    let matrices = Double(counts.matrices)
    self.weights =
      matrices * weights.bytesPerElement / parts + 4 * Double(counts.norms + counts.biases)
    // In flight for a token: gate and up, residual stream, norm, an operator's input and output.
    let perToken =
      limits.activationBytes
      * (2 * Double(architecture.widestMLP) / parts + 4 * Double(architecture.hiddenSize))
    let tokens: Double
    switch engine.cachePolicy {
    case .preempting:
      // The engine sizes its cache after a trial run of its largest step.
      tokens = Double(engine.chunk ?? max(2048, architecture.maxPositions))
    case .reserving: tokens = Double(workload.batch * max(1, workload.prompt))
    case .fixed: tokens = Double(max(workload.batch, min(engine.chunk ?? .max, workload.prompt)))
    }
    activations = perToken * tokens
    reserved = engine.reservedBytes
    var cached = 0
    architecture.layers.forEachKind { layer, count in
      guard let part = layer.part(of: tensorParallel).attention else { return }
      cached += 2 * count * part.keyValueWidth
    }
    cachePerPosition = Double(cached) * cache.bytesPerElement
    let room: Double
    switch engine.cachePolicy {
    case .reserving:
      room =
        engine.memoryShare * (limits.memoryCapacity - self.weights - activations - reserved)
    case .preempting, .fixed:
      room = engine.memoryShare * limits.memoryCapacity - self.weights - activations - reserved
    }
    cacheRoom = max(0, room)
  }

  /// Positions that the cache holds.
  var positions: Double { cacheRoom / cachePerPosition }

  /// Sequences of `positions` positions that fit at once.
  func sequences(of positions: Int, blockPositions: Int) -> Int {
    let blocks = (positions + blockPositions - 1) / blockPositions * blockPositions
    return Int(min(1e9, self.positions / Double(blocks)))
  }
}
