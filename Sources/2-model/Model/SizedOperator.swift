import Formats

/// An operator at the sizes of one step: what the engine traces and the cost model prices.
///
/// One GEMM is `2·m·n·k` FLOPs, attention `4·H·e` per pair of a query token and a position it sees.
/// Weights are read once per step, the embedding only in the gathered rows; a KV head's cache is read
/// once for its whole group.
public struct SizedOperator: Equatable, Sendable {
  public typealias Kind = Operator.Kind

  /// The sizes that determine its cost.
  public enum Shape: Hashable, Sendable, BitwiseCopyable {
    /// `m` rows against an `n` by `k` weight matrix.
    case gemm(m: Int, n: Int, k: Int)
    /// `rows` rows of `width` elements, of which `stored` are written to the KV cache.
    case rows(Int, width: Int, stored: Int = 0)
    case attention(AttentionShape)
    case latentAttention(LatentAttentionShape)
    /// `rows` rows scored for `experts`, of which each chooses.
    case route(rows: Int, experts: Int, width: Int)
    case experts(ExpertsShape)
  }

  public let kind: Kind
  /// The layer, `nil` for what stands outside the layers.
  public let layer: Int?
  public let shape: Shape
  /// Multiply-adds count 2. Elementwise work is not counted: it is bound by bytes.
  public let flops: Double
  public let weightBytes: Double
  /// Activations in and out, f32.
  public let activationBytes: Double
  public let cacheReadBytes: Double
  public let cacheWriteBytes: Double
  /// Columns that are left of a GEMM's after its activation.
  public let results: Int
  /// Positions a token sees in attention, itself included; `nil`: all before it.
  public let window: Int?

  public var bytes: Double { weightBytes + activationBytes + cacheReadBytes + cacheWriteBytes }

  /// - Parameters:
  ///   - rows: tokens of the step, or positions whose logits are asked for.
  ///   - extent: what attention depends on.
  ///   - bytesPerWeight: of the matrices; norms, biases and routers are f32.
  public init(
    _ operation: Operator, layer: Int?, rows: Int, extent: StepExtent, bytesPerWeight: Double,
    cache: DType, routing: Routing = .even
  ) {
    kind = operation.kind
    shape = operation.shape(rows: rows, extent: extent, routing: routing)
    results = operation.results
    self.layer = layer
    let width = operation.width
    let elements = operation.elements
    let exactBytes = 4 * Double(elements.norms + elements.biases + elements.exact)
    switch operation.body {
    case .embedding(_, let positions, _):
      weightBytes =
        Double(positions > 0 ? 2 : 1) * Double(rows) * Double(width) * bytesPerWeight
      activationBytes = 4 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .norm:
      weightBytes = exactBytes
      activationBytes = 8 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .residual:
      weightBytes = exactBytes
      activationBytes = 12 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .projection(let projection):
      let (n, k) = (projection.columns, projection.inputs)
      flops = 2 * Double(rows) * Double(n) * Double(k)
      weightBytes = Double(n * k) * bytesPerWeight + exactBytes
      // What is added to something reads it as well.
      let written = Double(rows) * Double(projection.results) * (projection.accumulates ? 2 : 1)
      activationBytes = 4 * (Double(rows) * Double(k) + written)
      (cacheReadBytes, cacheWriteBytes, window) = (0, 0, nil)
    case .rotaryAndCacheWrite(let attention):
      let stored = 2 * attention.keyValueWidth
      weightBytes = exactBytes
      activationBytes = 4 * Double(rows) * Double(width + attention.queryWidth)
      cacheWriteBytes = Double(rows) * Double(stored) * cache.bytesPerElement
      (flops, cacheReadBytes, window) = (0, 0, nil)
    case .attention(let heads):
      guard case .attention(let sizes) = shape else { preconditionFailure() }
      flops = sizes.flops
      activationBytes = 8 * Double(rows) * Double(width)
      cacheReadBytes =
        2 * Double(sizes.positions) * Double(heads.keyValueWidth) * cache.bytesPerElement
      window = heads.window
      weightBytes = exactBytes
      cacheWriteBytes = 0
    case .latentRotaryAndCacheWrite(let attention):
      let stored = attention.cacheWidth
      weightBytes = exactBytes
      activationBytes = 4 * Double(rows) * Double(width + attention.queryWidth)
      cacheWriteBytes = Double(rows) * Double(stored) * cache.bytesPerElement
      (flops, cacheReadBytes, window) = (0, 0, nil)
    case .latentAttention(let attention):
      guard case .latentAttention(let sizes) = shape else { preconditionFailure() }
      flops = sizes.flops
      weightBytes = Double(elements.matrix) * bytesPerWeight
      activationBytes = 4 * Double(rows) * Double(attention.queryWidth + width)
      cacheReadBytes =
        Double(sizes.positions) * Double(attention.cacheWidth) * cache.bytesPerElement
      (cacheWriteBytes, window) = (0, nil)
    case .route(let experts, _):
      flops = 2 * Double(rows) * Double(elements.exact)
      weightBytes = exactBytes
      activationBytes = 4 * Double(rows) * Double(width + experts.count)
      (cacheReadBytes, cacheWriteBytes, window) = (0, 0, nil)
    case .experts(let experts, _, let to):
      guard case .experts(let sizes) = shape else { preconditionFailure() }
      flops = sizes.flops
      weightBytes =
        sizes.distinct
        * (Double(sizes.elementsOfOne) * bytesPerWeight
          + exactBytes / Double(experts.count))
      activationBytes = 4 * Double(rows) * Double(width) * (to == .residual ? 3 : 2)
      (cacheReadBytes, cacheWriteBytes, window) = (0, 0, nil)
    case .sharedScale:
      weightBytes = exactBytes
      activationBytes = 4 * Double(rows) * Double(width + 1)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    }
  }
}

extension Operator {
  /// The sizes that determine its cost where it has so many rows.
  ///
  /// - Parameter extent: what attention depends on.
  @inlinable
  public func shape(rows: Int, extent: StepExtent, routing: Routing = .even) -> SizedOperator.Shape
  {
    switch body {
    case .embedding, .norm, .residual, .sharedScale: .rows(rows, width: width)
    case .projection(let projection):
      .gemm(m: rows, n: projection.columns, k: projection.inputs)
    case .rotaryAndCacheWrite(let attention):
      .rows(rows, width: width, stored: 2 * attention.keyValueWidth)
    case .attention(let attention): .attention(extent.shape(attention))
    case .latentRotaryAndCacheWrite(let attention):
      .rows(rows, width: width, stored: attention.cacheWidth)
    case .latentAttention(let attention): .latentAttention(extent.shape(attention))
    case .route(let experts, _): .route(rows: rows, experts: experts.count, width: width)
    case .experts(let experts, _, _):
      .experts(ExpertsShape(tokens: rows, hiddenSize: width, experts, routing))
    }
  }

  /// Columns that are left of a GEMM's after its activation; 0 of other operators.
  @inlinable public var results: Int {
    if case .projection(let projection) = body { projection.results } else { 0 }
  }
}

extension Architecture {
  /// Every operator of one forward step, in the order of execution.
  ///
  /// - Parameters:
  ///   - weights: storage of the matrices; norms and biases are f32.
  ///   - cache: storage of the KV cache.
  ///   - routing: how tokens spread over experts.
  public func operators(
    of step: Step, weights: WeightStorage, cache: DType, routing: Routing = .even
  ) -> [SizedOperator] {
    operators(of: step, cache: cache, routing: routing) {
      weights.matrices(of: $0.kind, layer: $1).bytesPerElement
    }
  }

  /// The same with every matrix in one format.
  public func operators(
    of step: Step, weights: DType, cache: DType, routing: Routing = .even
  ) -> [SizedOperator] {
    operators(of: step, cache: cache, routing: routing) { _, _ in weights.bytesPerElement }
  }

  private func operators(
    of step: Step, cache: DType, routing: Routing,
    bytesPerWeight: (Operator, _ layer: Int?) -> Double
  ) -> [SizedOperator] {
    var sized: [SizedOperator] = []
    let program = lowered()
    let extent = StepExtent.sequences(step.sequences)
    func add(_ operation: Operator, _ layer: Int?, rows: Int) {
      sized.append(
        SizedOperator(
          operation, layer: layer, rows: rows, extent: extent,
          bytesPerWeight: bytesPerWeight(operation, layer), cache: cache, routing: routing))
    }
    for operation in program.embedding { add(operation, nil, rows: step.tokens) }
    for (layer, operators) in program.layers.enumerated() {
      for operation in operators { add(operation, layer, rows: step.tokens) }
    }
    if step.logitsRows > 0 {
      for operation in program.head { add(operation, nil, rows: step.logitsRows) }
    }
    return sized
  }

  /// The operators of a step of `batch` sequences with `new` tokens each after `cached` positions,
  /// one of each with how many layers run it: what a cost model needs, without an array.
  ///
  /// - Parameter shard: devices over which heads, MLP columns and vocabulary are split; what is given
  ///   to `body` is one device's part.
  @inlinable
  public func forEachOperator(
    batch: Int, cached: Int, new: Int, logitsRows: Int, weights: DType, cache: DType,
    routing: Routing = .even, shard: Int = 1, _ body: (SizedOperator, _ count: Int) -> Void
  ) {
    forEachOperator(devices: shard) { operation, count, _ in
      let isOfLogits = operation.kind == .finalNorm || operation.kind == .head
      guard !isOfLogits || logitsRows > 0 else { return }
      body(
        SizedOperator(
          operation, layer: nil, rows: isOfLogits ? logitsRows : batch * new,
          extent: .even(batch: batch, cached: cached, new: new),
          bytesPerWeight: weights.bytesPerElement, cache: cache, routing: routing), count)
    }
  }
}
