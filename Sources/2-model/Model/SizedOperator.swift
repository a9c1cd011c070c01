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
  ///   - attention: the step's sizes of this operator's attention; not used by other operators.
  ///   - weights: storage of the matrices; norms and biases are f32.
  public init(
    _ operation: Operator, layer: Int?, rows: Int, attention: () -> AttentionShape, weights: DType,
    cache: DType
  ) {
    kind = operation.kind
    shape = operation.shape(rows: rows, attention: attention)
    results = operation.results
    self.layer = layer
    let width = operation.width
    let vectors = operation.vectorElements
    let vectorBytes = 4 * Double(vectors.norms + vectors.biases)
    switch operation.body {
    case .embedding(_, let positions, _):
      weightBytes =
        Double(positions > 0 ? 2 : 1) * Double(rows) * Double(width) * weights.bytesPerElement
      activationBytes = 4 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .norm:
      weightBytes = vectorBytes
      activationBytes = 8 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .residual:
      weightBytes = vectorBytes
      activationBytes = 12 * Double(rows) * Double(width)
      (flops, cacheReadBytes, cacheWriteBytes, window) = (0, 0, 0, nil)
    case .projection(let projection):
      let (n, k) = (projection.columns, projection.inputs)
      flops = 2 * Double(rows) * Double(n) * Double(k)
      weightBytes = Double(n * k) * weights.bytesPerElement + vectorBytes
      // What is added to the residual stream reads it as well.
      let written = Double(rows) * Double(projection.results) * (projection.to == .residual ? 2 : 1)
      activationBytes = 4 * (Double(rows) * Double(k) + written)
      (cacheReadBytes, cacheWriteBytes, window) = (0, 0, nil)
    case .rotaryAndCacheWrite(let attention):
      let stored = 2 * attention.keyValueWidth
      weightBytes = vectorBytes
      activationBytes = 4 * Double(rows) * Double(width + attention.queryWidth)
      cacheWriteBytes = Double(rows) * Double(stored) * cache.bytesPerElement
      (flops, cacheReadBytes, window) = (0, 0, nil)
    case .attention(let heads):
      guard case .attention(let sizes) = shape else {
        preconditionFailure("\(kind) has no attention")
      }
      flops = sizes.flops
      activationBytes = 8 * Double(rows) * Double(width)
      cacheReadBytes =
        2 * Double(sizes.positions) * Double(heads.keyValueWidth) * cache.bytesPerElement
      window = heads.window
      (weightBytes, cacheWriteBytes) = (0, 0)
    }
  }
}

extension Operator {
  /// The sizes that determine its cost where it has so many rows.
  ///
  /// - Parameter attention: the step's sizes of this operator's attention; not used by other operators.
  @inlinable
  public func shape(rows: Int, attention: () -> AttentionShape) -> SizedOperator.Shape {
    switch body {
    case .embedding, .norm, .residual: .rows(rows, width: width)
    case .projection(let projection):
      .gemm(m: rows, n: projection.columns, k: projection.inputs)
    case .rotaryAndCacheWrite(let attention):
      .rows(rows, width: width, stored: 2 * attention.keyValueWidth)
    case .attention: .attention(attention())
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
  public func operators(of step: Step, weights: DType, cache: DType) -> [SizedOperator] {
    var sized: [SizedOperator] = []
    let program = lowered()
    func add(_ operation: Operator, _ layer: Int?, rows: Int) {
      sized.append(
        SizedOperator(
          operation, layer: layer, rows: rows,
          attention: {
            guard case .attention(let attention) = operation.body else {
              preconditionFailure("\(operation.kind) is no attention")
            }
            return AttentionShape(step, attention)
          }, weights: weights, cache: cache))
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
    shard: Int = 1, _ body: (SizedOperator, _ count: Int) -> Void
  ) {
    forEachOperator(devices: shard) { operation, count, _ in
      let isOfLogits = operation.kind == .finalNorm || operation.kind == .head
      guard !isOfLogits || logitsRows > 0 else { return }
      body(
        SizedOperator(
          operation, layer: nil, rows: isOfLogits ? logitsRows : batch * new,
          attention: {
            guard case .attention(let attention) = operation.body else {
              preconditionFailure("\(operation.kind) is no attention")
            }
            return AttentionShape(batch: batch, cached: cached, new: new, attention)
          }, weights: weights, cache: cache), count)
    }
  }
}
