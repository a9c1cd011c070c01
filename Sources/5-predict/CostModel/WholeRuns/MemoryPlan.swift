import Formats
import Model
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
  /// Layers, those of them that keep the positions of their window only, and the window. Layers that
  /// hold more for a position count as several.
  private var layers: Int
  private var windowedLayers = 0
  private var window = 0

  /// Of an architecture by itself.
  init(
    _ architecture: Architecture, _ workload: ServingWorkload, weights: NumberStorage,
    cache: NumberStorage, engine: ServingEngine, limits: DeviceLimits, tensorParallel: Int,
    pipelineParallel: Int = 1, sharing: ExpertSharing = ExpertSharing()
  ) {
    let program = DeviceProgram(sharing)
    program.become(architecture, devices: tensorParallel)
    self.init(
      architecture, program, workload, weights: weights, cache: cache, engine: engine,
      limits: limits, pipelineParallel: pipelineParallel)
  }

  /// - Parameter program: the architecture's.
  init(
    _ architecture: Architecture, _ program: DeviceProgram, _ workload: ServingWorkload,
    weights: NumberStorage, cache: NumberStorage, engine: ServingEngine, limits: DeviceLimits,
    pipelineParallel: Int = 1
  ) {
    let counts = program.contents.whole
    let parts = Double(program.devices)
    // KV heads that a device holds as copies come with their projections.
    let ofLayers = Double(program.contents.part.attention + program.contents.part.mlp)
    // The fullest stage: its share of the layers, rounded up, and at most one of the tables.
    let stages = Double(pipelineParallel)
    let layerShare =
      stages == 1
      ? 1
      : (Double(architecture.layers.count) / stages).rounded(.up)
        / Double(architecture.layers.count)
    let tables =
      Double(stages == 1 ? counts.embedding + counts.head : max(counts.embedding, counts.head))
      / parts
    let tableBytes = limits.keepsTablesWide(weights) ? 2 : weights.bytesPerElement
    // Of what is kept in f32, each device has all.
    self.weights =
      ofLayers * layerShare * weights.bytesPerElement + tables * tableBytes
      + 4 * Double(counts.exact) * layerShare
    // In flight for a token: gate and up, residual stream, norm, an operator's input and output.
    let perToken =
      limits.activationBytes
      * (2 * Double(program.contents.widest) / parts + 4 * Double(architecture.hiddenSize))
    let tokens: Double
    switch engine.cachePolicy {
    case .preempting:
      // The engine sizes its cache after a trial run of its largest step.
      tokens = Double(engine.chunk ?? max(2048, architecture.maxPositions))
    case .reserving: tokens = Double(workload.batch) * Double(max(1, workload.prompt))
    case .fixed: tokens = Double(max(workload.batch, min(engine.chunk ?? .max, workload.prompt)))
    }
    activations = perToken * tokens
    reserved = engine.reservedBytes
    let held = program.contents.held
    cachePerPosition = Double(held.width) * cache.bytesPerElement * layerShare
    let room: Double
    switch engine.cachePolicy {
    case .reserving:
      room =
        engine.memoryShare * (limits.memoryCapacity - self.weights - activations - reserved)
    case .preempting, .fixed:
      room = engine.memoryShare * limits.memoryCapacity - self.weights - activations - reserved
    }
    cacheRoom = max(0, room)
    layers = held.units
    if engine.dropsBehindWindows { (windowedLayers, window) = (held.windowedUnits, held.window) }
  }

  /// Positions that the cache holds.
  package var positions: Double {
    cachePerPosition > 0 ? cacheRoom / cachePerPosition : cacheRoom > 0 ? 1e18 : 0
  }

  /// How a sequence takes blocks of so many positions.
  package func growth(blockPositions: Int) -> CacheGrowth {
    CacheGrowth(
      layers: layers, windowedLayers: windowedLayers, window: window,
      blockPositions: blockPositions)
  }

  /// Sequences of `positions` positions that fit at once.
  func sequences(of positions: Int, blockPositions: Int) -> Int {
    Int(min(1e9, self.positions / held(positions, blockPositions: blockPositions)))
  }

  /// Positions of all layers that a sequence of `positions` takes in whole blocks.
  func held(_ positions: Int, blockPositions: Int) -> Double {
    let growth = growth(blockPositions: blockPositions)
    return Double(growth.units(positions)) * Double(blockPositions) / Double(growth.layers)
  }

  /// Bytes of one device that the whole batch needs to its end, whether it has them or not.
  func neededBytes(_ workload: ServingWorkload, blockPositions: Int) -> Double {
    let cache =
      Double(workload.batch) * held(workload.positions, blockPositions: blockPositions)
      * cachePerPosition
    return weights + activations + reserved + cache
  }

  /// Bytes of the device's memory that are taken while `sequences` of `positions` run at once.
  func peakBytes(sequences: Int, of positions: Int) -> Double {
    let cache = Double(sequences) * held(positions, blockPositions: 1) * cachePerPosition
    return weights + activations + reserved + min(cacheRoom, cache)
  }
}

/// What one device's layers hold for a position.
struct HeldLayers {
  /// Elements that one layer's cache holds of a token, its window (0: none), and how many layers have
  /// it.
  struct Cache: BitwiseCopyable {
    let width: Int
    let window: Int
    let count: Int
  }

  /// Elements of all layers together.
  var width = 0
  /// Layers, in units of what the smallest common part of all holds.
  var units = 0
  var windowedUnits = 0
  /// The longest.
  var window = 0

  init() {}

  init(_ caches: [Cache]) {
    var unit = 0
    for cache in caches {
      unit = Self.commonDivisor(unit, cache.width)
      width += cache.count * cache.width
    }
    guard unit > 0 else { return }
    units = width / unit
    for cache in caches where cache.window > 0 {
      windowedUnits += cache.count * cache.width / unit
      window = max(window, cache.window)
    }
  }

  private static func commonDivisor(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b > 0 { (a, b) = (b, a % b) }
    return a
  }
}
