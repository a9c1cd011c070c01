// The one place that knows what a layer does: its operators, in the order in which they run.

extension Layer {
  /// Calls `body` with each operator of the layer.
  @inlinable
  public func forEachOperator(hiddenSize d: Int, _ body: (Operator) -> Void) {
    let isParallel = arrangement != .sequential
    // A parallel MLP reads the layer's input: its norm comes before attention adds to the stream.
    if let attention, let norm = attention.inputNorm {
      body(
        Operator(.attentionNorm, width: d, .norm(norm, from: .residual, to: .attentionInput)))
    }
    if isParallel, arrangement == .parallel, let mlp { mlpNorm(mlp, d, to: .mlpInput, body) }
    if let attention { attend(attention, d, body) }
    guard let mlp else { return }
    if !isParallel { mlpNorm(mlp, d, to: .attentionInput, body) }
    let source: Operator.Place =
      switch arrangement {
      case .sequential: mlp.inputNorm == nil ? .residual : .attentionInput
      case .parallel: .mlpInput
      case .parallelOneNorm: .attentionInput
      }
    feedForward(mlp, d, from: source, body)
  }

  @inlinable
  func mlpNorm(_ mlp: MLP, _ d: Int, to place: Operator.Place, _ body: (Operator) -> Void) {
    guard let norm = mlp.inputNorm else { return }
    body(Operator(.mlpNorm, width: d, .norm(norm, from: .residual, to: place)))
  }

  @inlinable
  func attend(_ attention: Attention, _ d: Int, _ body: (Operator) -> Void) {
    let isAddedApart = attention.outputNorm != nil || residualScale != 1
    body(
      Operator(
        .qkvProjection, width: d,
        .projection(
          Projection(
            inputs: d, outputs: attention.queryWidth, attention.keyValueWidth,
            attention.keyValueWidth, hasBias: attention.inputBias,
            from: attention.inputNorm == nil ? .residual : .attentionInput, to: .queryKeyValue))))
    body(
      Operator(
        .rotaryAndCacheWrite, width: attention.inputWidth, .rotaryAndCacheWrite(attention)))
    body(Operator(.attention, width: attention.queryWidth, .attention(attention)))
    body(
      Operator(
        .outputProjection, width: d,
        .projection(
          Projection(
            inputs: attention.queryWidth, outputs: d, hasBias: attention.outputBias,
            from: .attended, to: isAddedApart ? .branch : .residual))))
    if isAddedApart {
      body(
        Operator(
          .attentionResidual, width: d, .residual(attention.outputNorm, scale: residualScale)))
    }
  }

  @inlinable
  func feedForward(
    _ mlp: MLP, _ d: Int, from source: Operator.Place, _ body: (Operator) -> Void
  ) {
    let isAddedApart = mlp.outputNorm != nil || residualScale != 1
    let f = mlp.intermediateSize
    body(
      Operator(
        .gateUpProjection, width: d,
        .projection(
          Projection(
            inputs: d, outputs: f, mlp.isGated ? f : 0, hasBias: mlp.inputBias,
            activation: mlp.activation, from: source, to: .activated))))
    body(
      Operator(
        .downProjection, width: d,
        .projection(
          Projection(
            inputs: f, outputs: d, hasBias: mlp.outputBias, from: .activated,
            to: isAddedApart ? .branch : .residual))))
    if isAddedApart {
      body(Operator(.mlpResidual, width: d, .residual(mlp.outputNorm, scale: residualScale)))
    }
  }

  /// What one of `devices` computes of the layer: heads and MLP columns are split (tensor
  /// parallelism, arXiv 1909.08053); KV heads are copied where there are fewer of them.
  @inlinable
  public func part(of devices: Int) -> Layer {
    guard devices > 1 else { return self }
    func share(_ size: Int) -> Int { (size + devices - 1) / devices }
    var layer = self
    if let attention {
      layer.attention?.queryHeads = share(attention.queryHeads)
      layer.attention?.keyValueHeads = share(attention.keyValueHeads)
    }
    if let mlp { layer.mlp?.intermediateSize = share(mlp.intermediateSize) }
    return layer
  }
}

extension Architecture {
  /// What runs before the layers.
  @inlinable public var embeddingOperator: Operator {
    Operator(
      .embedding, width: hiddenSize,
      .embedding(
        vocabulary: vocabularySize, positions: learnedPositions, scale: embeddingScale))
  }

  /// What runs after them, for the positions whose logits are asked for.
  ///
  /// - Parameter devices: over which the vocabulary is split.
  @inlinable
  public func forEachHeadOperator(devices: Int = 1, _ body: (Operator) -> Void) {
    body(
      Operator(
        .finalNorm, width: hiddenSize, .norm(finalNorm, from: .residual, to: .selected)))
    body(
      Operator(
        .head, width: hiddenSize,
        .projection(
          Projection(
            inputs: hiddenSize, outputs: (vocabularySize + devices - 1) / devices,
            hasBias: headBias, from: .selected, to: .logits))))
  }

  /// Calls `body` with each operator of a forward step, equal ones of different layers together.
  ///
  /// - Parameter body: is told how many layers run it, and how many of these have weights of their own.
  @inlinable
  public func forEachOperator(
    devices: Int = 1, _ body: (Operator, _ count: Int, _ ownCount: Int) -> Void
  ) {
    body(embeddingOperator, 1, 1)
    for kind in layers.kinds.indices where layers.counts[kind] > 0 {
      let (count, ownCount) = (layers.counts[kind], layers.ownCounts[kind])
      layers.kinds[kind].part(of: devices).forEachOperator(hiddenSize: hiddenSize) {
        body($0, count, ownCount)
      }
    }
    forEachHeadOperator(devices: devices) { body($0, 1, 1) }
  }

  /// The operators of a forward step, layer by layer.
  public func lowered() -> Program {
    var kinds: [[Operator]] = []
    for layer in layers.kinds {
      kinds.append([])
      layer.forEachOperator(hiddenSize: hiddenSize) { kinds[kinds.count - 1].append($0) }
    }
    var head: [Operator] = []
    forEachHeadOperator { head.append($0) }
    return Program(
      embedding: [embeddingOperator], layers: layers.order.map { kinds[$0] }, head: head)
  }
}

/// The operators of a forward step, in the order in which they run.
public struct Program: Sendable {
  public let embedding: [Operator]
  public let layers: [[Operator]]
  public let head: [Operator]

  /// Each operator with its layer, `nil` outside of them.
  public func forEach(_ body: (Operator, _ layer: Int?) throws -> Void) rethrows {
    for operation in embedding { try body(operation, nil) }
    for (layer, operators) in layers.enumerated() {
      for operation in operators { try body(operation, layer) }
    }
    for operation in head { try body(operation, nil) }
  }
}
