import Architectures

extension Architecture {
  /// Every operator of one forward step, in the order of execution.
  ///
  /// The formulas are those of the design's section 2: one GEMM is `2·m·n·k` FLOPs, attention
  /// `4·H·e` per pair of a query token and a position it sees. Weights are read once per step, the
  /// embedding only in the gathered rows; a KV head's cache is read once for its whole group.
  ///
  /// - Parameters:
  ///   - weights: storage of the matrices; norms and biases are f32.
  ///   - cache: storage of the KV cache.
  public func operators(of step: Step, weights: DType, cache: DType) -> [Operator] {
    var operators: [Operator] = []
    let list = StepOperators(
      self, tokens: step.tokens, logitsRows: step.logitsRows, weights: weights, cache: cache)
    list.embedding { operators.append($0) }
    for layer in 0..<layers {
      let window = window(ofLayer: layer)
      let attention = AttentionShape(
        sequences: step.sequences.count, tokens: step.tokens,
        pairs: step.sequences.reduce(0) { $0 + $1.visiblePairs(window: window) },
        positions: step.sequences.reduce(0) { $0 + $1.visiblePositions(window: window) },
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension)
      list.layer(layer, attention, window) { operators.append($0) }
    }
    list.head { operators.append($0) }
    return operators
  }

  /// The operators of a step of `batch` sequences with `new` tokens each after `cached` positions,
  /// one of each with how many layers run it: what a cost model needs, without an array.
  ///
  /// - Parameter shard: devices over which heads, MLP columns and vocabulary are split (tensor
  ///   parallelism, arXiv 1909.08053); what is given to `body` is one device's part.
  @inlinable
  public func forEachOperator(
    batch: Int, cached: Int, new: Int, logitsRows: Int, weights: DType, cache: DType,
    shard: Int = 1, _ body: (Operator, _ count: Int) -> Void
  ) {
    let list = StepOperators(
      self, tokens: batch * new, logitsRows: logitsRows, weights: weights, cache: cache,
      shard: shard)
    list.embedding { body($0, 1) }
    forEachWindow { window, layers in
      let shape = attention(batch: batch, cached: cached, new: new, window: window, shard: shard)
      list.layer(nil, shape, window) { body($0, layers) }
    }
    list.head { body($0, 1) }
  }
}

extension Architecture {
  /// One device's part of a layer's attention in a step.
  ///
  /// - Parameters:
  ///   - batch: sequences, each with `new` tokens after `cached` positions.
  ///   - window: positions that a token sees, itself included; `nil`: all before it.
  ///   - shard: devices over which heads are split; KV heads are copied where there are fewer.
  public func attention(
    batch: Int, cached: Int, new: Int, window: Int?, shard: Int = 1
  ) -> AttentionShape {
    AttentionShape(
      batch: batch, cached: cached, new: new, queryHeads: part(queryHeads, of: shard),
      keyValueHeads: part(keyValueHeads, of: shard), headDimension: headDimension, window: window)
  }

  /// The attention windows of the layers (`nil`: none), each with how many layers have it.
  @inlinable
  public func forEachWindow(_ body: (_ window: Int?, _ layers: Int) -> Void) {
    let windowed = slidingWindow == nil ? 0 : max(0, layers - firstWindowedLayer)
    if windowed < layers { body(nil, layers - windowed) }
    if windowed > 0 { body(slidingWindow, windowed) }
  }
}

/// What one of `devices` holds of `size`. KV heads are copied where there are fewer of them than
/// devices.
private func part(_ size: Int, of devices: Int) -> Int { (size + devices - 1) / devices }

/// Lists a step's operators: the one place that knows them.
@usableFromInline struct StepOperators {
  @usableFromInline let architecture: Architecture
  @usableFromInline let tokens: Int
  @usableFromInline let logitsRows: Int
  @usableFromInline let weights: DType
  @usableFromInline let cache: DType
  /// Of one device.
  @usableFromInline let queryHeads: Int
  @usableFromInline let keyValueHeads: Int
  @usableFromInline let intermediateSize: Int
  @usableFromInline let vocabulary: Int

  @usableFromInline
  init(
    _ architecture: Architecture, tokens: Int, logitsRows: Int, weights: DType, cache: DType,
    shard: Int = 1
  ) {
    self.architecture = architecture
    self.tokens = tokens
    self.logitsRows = logitsRows
    self.weights = weights
    self.cache = cache
    queryHeads = part(architecture.queryHeads, of: shard)
    keyValueHeads = part(architecture.keyValueHeads, of: shard)
    intermediateSize = part(architecture.intermediateSize, of: shard)
    vocabulary = part(architecture.vocabularySize, of: shard)
  }

  @usableFromInline func embedding(_ emit: (Operator) -> Void) {
    let d = architecture.hiddenSize
    emit(
      Operator(
        kind: .embedding, layer: nil, shape: .rows(tokens, width: d), flops: 0,
        weightBytes: Double(tokens) * Double(d) * weights.bytesPerElement,
        activationBytes: 4 * Double(tokens) * Double(d), cacheReadBytes: 0, cacheWriteBytes: 0))
  }

  @usableFromInline
  func layer(
    _ layer: Int?, _ attention: AttentionShape, _ window: Int?, _ emit: (Operator) -> Void
  ) {
    let d = architecture.hiddenSize
    let e = architecture.headDimension
    let queryWidth = queryHeads * e
    let keyValueWidth = keyValueHeads * e
    let qkvWidth = queryWidth + 2 * keyValueWidth
    emit(norm(.attentionNorm, layer, rows: tokens))
    emit(
      gemm(
        .qkvProjection, layer, m: tokens, n: qkvWidth, k: d, outputs: qkvWidth,
        biases: architecture.qkvBias ? qkvWidth : 0))
    emit(
      Operator(
        kind: .rotaryAndCacheWrite, layer: layer,
        shape: .rows(tokens, width: qkvWidth, stored: 2 * keyValueWidth), flops: 0,
        weightBytes: architecture.qkNorm ? 8 * Double(e) : 0,
        activationBytes: 4 * Double(tokens) * Double(qkvWidth + queryWidth), cacheReadBytes: 0,
        cacheWriteBytes: 2 * Double(tokens) * Double(keyValueWidth) * cache.bytesPerElement))
    emit(
      Operator(
        kind: .attention, layer: layer, shape: .attention(attention), flops: attention.flops,
        weightBytes: 0, activationBytes: 8 * Double(tokens) * Double(queryWidth),
        cacheReadBytes: 2 * Double(attention.positions) * Double(keyValueWidth)
          * cache.bytesPerElement,
        cacheWriteBytes: 0, window: window))
    emit(
      gemm(
        .outputProjection, layer, m: tokens, n: d, k: queryWidth, outputs: d, residual: true,
        biases: architecture.outputBias ? d : 0))
    emit(norm(.mlpNorm, layer, rows: tokens))
    emit(
      gemm(
        .gateUpProjection, layer, m: tokens, n: 2 * intermediateSize, k: d,
        outputs: intermediateSize))
    emit(
      gemm(
        .downProjection, layer, m: tokens, n: d, k: intermediateSize, outputs: d, residual: true))
  }

  @usableFromInline func head(_ emit: (Operator) -> Void) {
    guard logitsRows > 0 else { return }
    emit(norm(.finalNorm, nil, rows: logitsRows))
    emit(
      gemm(
        .head, nil, m: logitsRows, n: vocabulary, k: architecture.hiddenSize, outputs: vocabulary))
  }

  private func norm(_ kind: Operator.Kind, _ layer: Int?, rows: Int) -> Operator {
    let d = architecture.hiddenSize
    return Operator(
      kind: kind, layer: layer, shape: .rows(rows, width: d), flops: 0,
      weightBytes: 4 * Double(d), activationBytes: 8 * Double(rows) * Double(d), cacheReadBytes: 0,
      cacheWriteBytes: 0)
  }

  /// `outputs` is what is left of the `n` columns after the epilogue; `residual` is read as well.
  private func gemm(
    _ kind: Operator.Kind, _ layer: Int?, m: Int, n: Int, k: Int, outputs: Int,
    residual: Bool = false, biases: Int = 0
  ) -> Operator {
    let written = Double(m) * Double(outputs) * (residual ? 2 : 1)
    return Operator(
      kind: kind, layer: layer, shape: .gemm(m: m, n: n, k: k),
      flops: 2 * Double(m) * Double(n) * Double(k),
      weightBytes: Double(n * k) * weights.bytesPerElement + 4 * Double(biases),
      activationBytes: 4 * (Double(m) * Double(k) + written), cacheReadBytes: 0, cacheWriteBytes: 0)
  }
}

extension Step.Sequence {
  /// `Σ_{i=1..T} min(C + i, window)`: pairs of a new token and a position it sees.
  public func visiblePairs(window: Int?) -> Int {
    func triangle(_ n: Int) -> Int { n * (n + 1) / 2 }
    guard let window, cached + new > window else {
      return triangle(cached + new) - triangle(cached)
    }
    let growing = max(0, window - cached)  // tokens that still see everything before them
    return triangle(cached + growing) - triangle(cached) + (new - growing) * window
  }

  /// Positions of the cache that some new token sees: the design's `min(C + T, window)`, widened
  /// by the `T - 1` positions that only earlier tokens of the step see through a window.
  public func visiblePositions(window: Int?) -> Int {
    guard let window else { return cached + new }
    return min(cached + new, window + new - 1)
  }
}
