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
    let tokens = step.tokens
    let d = hiddenSize
    var operators: [Operator] = []

    func rows(_ kind: Operator.Kind, _ layer: Int?, count: Int, width: Int, weightBytes: Double) {
      operators.append(
        Operator(
          kind: kind, layer: layer, shape: .rows(count, width: width), flops: 0,
          weightBytes: weightBytes, activationBytes: 8 * Double(count * width), cacheReadBytes: 0,
          cacheWriteBytes: 0))
    }
    // `outputs` is what is left of the `n` columns after the epilogue; `residual` is read as well.
    func gemm(
      _ kind: Operator.Kind, _ layer: Int?, m: Int, n: Int, k: Int, outputs: Int,
      residual: Bool = false, biases: Int = 0
    ) {
      let written = Double(m * outputs) * (residual ? 2 : 1)
      operators.append(
        Operator(
          kind: kind, layer: layer, shape: .gemm(m: m, n: n, k: k), flops: 2 * Double(m * n * k),
          weightBytes: Double(n * k) * weights.bytesPerElement + 4 * Double(biases),
          activationBytes: 4 * (Double(m * k) + written), cacheReadBytes: 0, cacheWriteBytes: 0))
    }

    operators.append(
      Operator(
        kind: .embedding, layer: nil, shape: .rows(tokens, width: d), flops: 0,
        weightBytes: Double(tokens * d) * weights.bytesPerElement,
        activationBytes: 4 * Double(tokens * d), cacheReadBytes: 0, cacheWriteBytes: 0))
    let qkvWidth = queryWidth + 2 * keyValueWidth
    for layer in 0..<layers {
      rows(.attentionNorm, layer, count: tokens, width: d, weightBytes: 4 * Double(d))
      gemm(
        .qkvProjection, layer, m: tokens, n: qkvWidth, k: d, outputs: qkvWidth,
        biases: qkvBias ? qkvWidth : 0)
      operators.append(
        Operator(
          kind: .rotaryAndCacheWrite, layer: layer, shape: .rows(tokens, width: qkvWidth), flops: 0,
          weightBytes: qkNorm ? 8 * Double(headDimension) : 0,
          activationBytes: 4 * Double(tokens * (qkvWidth + queryWidth)), cacheReadBytes: 0,
          cacheWriteBytes: Double(2 * tokens * keyValueWidth) * cache.bytesPerElement))
      operators.append(attention(of: step, layer: layer, cache: cache))
      gemm(
        .outputProjection, layer, m: tokens, n: d, k: queryWidth, outputs: d, residual: true,
        biases: outputBias ? d : 0)
      rows(.mlpNorm, layer, count: tokens, width: d, weightBytes: 4 * Double(d))
      gemm(
        .gateUpProjection, layer, m: tokens, n: 2 * intermediateSize, k: d,
        outputs: intermediateSize)
      gemm(
        .downProjection, layer, m: tokens, n: d, k: intermediateSize, outputs: d, residual: true)
    }
    if step.logitsRows > 0 {
      rows(.finalNorm, nil, count: step.logitsRows, width: d, weightBytes: 4 * Double(d))
      gemm(
        .head, nil, m: step.logitsRows, n: vocabularySize, k: d, outputs: vocabularySize)
    }
    return operators
  }

  private func attention(of step: Step, layer: Int, cache: DType) -> Operator {
    let window = window(ofLayer: layer)
    let pairs = step.sequences.reduce(0) { $0 + $1.visiblePairs(window: window) }
    let positions = step.sequences.reduce(0) { $0 + $1.visiblePositions(window: window) }
    return Operator(
      kind: .attention, layer: layer,
      shape: .attention(
        pairs: pairs, queryHeads: queryHeads, keyValueHeads: keyValueHeads,
        headDimension: headDimension),
      flops: 4 * Double(pairs) * Double(queryWidth), weightBytes: 0,
      activationBytes: 8 * Double(step.tokens * queryWidth),
      cacheReadBytes: Double(2 * positions * keyValueWidth) * cache.bytesPerElement,
      cacheWriteBytes: 0)
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
