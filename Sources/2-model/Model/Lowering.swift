// The one place that knows what a layer does: its operators, in the order in which they run.

extension Layer {
  /// Calls `body` with each operator of the layer.
  @inlinable
  public func forEachOperator(hiddenSize d: Int, _ body: (Operator) -> Void) {
    let isParallel = arrangement != .sequential
    // A parallel part reads the layer's input: its norm comes before the mixer adds to the stream.
    if let norm = mixer?.inputNorm {
      body(
        Operator(.attentionNorm, width: d, .norm(norm, from: .residual, to: .attentionInput)))
    }
    if arrangement == .parallel { feedForwardNorm(d, to: .mlpInput, body) }
    switch mixer {
    case .attention(let attention): attend(attention, d, body)
    case .latentAttention(let attention): attend(attention, d, body)
    case nil: break
    }
    guard let feedForward else { return }
    if !isParallel { feedForwardNorm(d, to: .attentionInput, body) }
    let source: Operator.Place =
      switch arrangement {
      case .sequential: feedForward.inputNorm == nil ? .residual : .attentionInput
      case .parallel: .mlpInput
      case .parallelOneNorm: .attentionInput
      }
    let isAddedApart = feedForward.outputNorm != nil || residualScale != 1
    let destination: Operator.Place = isAddedApart ? .branch : .residual
    switch feedForward {
    case .dense(let mlp): multiply(mlp, d, from: source, to: destination, body)
    case .experts(let experts): route(experts, d, from: source, to: destination, body)
    }
    if isAddedApart {
      body(
        Operator(
          .mlpResidual, width: d, .residual(feedForward.outputNorm, scale: residualScale)))
    }
  }

  @inlinable
  func feedForwardNorm(_ d: Int, to place: Operator.Place, _ body: (Operator) -> Void) {
    guard let norm = feedForward?.inputNorm else { return }
    body(Operator(.mlpNorm, width: d, .norm(norm, from: .residual, to: place)))
  }

  @inlinable
  func attend(_ attention: Attention, _ d: Int, _ body: (Operator) -> Void) {
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
    addAttended(
      attention.queryWidth, d, hasBias: attention.outputBias, norm: attention.outputNorm, body)
  }

  @inlinable
  func attend(_ attention: LatentAttention, _ d: Int, _ body: (Operator) -> Void) {
    body(
      Operator(
        .qkvProjection, width: d,
        .projection(
          Projection(
            inputs: d, outputs: attention.queryRank ?? attention.queryWidth, attention.cacheWidth,
            hasBias: attention.inputBias,
            from: attention.inputNorm == nil ? .residual : .attentionInput, to: .queryKeyValue))))
    if let rank = attention.queryRank {
      body(
        Operator(
          .queryNorm, width: rank,
          .norm(attention.latentNorm, from: .queryKeyValue, to: .queryKeyValue)))
      body(
        Operator(
          .queryProjection, width: attention.queryWidth,
          .projection(
            Projection(
              inputs: rank, outputs: attention.queryWidth, hasBias: false, from: .queryKeyValue,
              to: .queries))))
    }
    body(
      Operator(
        .rotaryAndCacheWrite, width: attention.queryWidth + attention.cacheWidth,
        .latentRotaryAndCacheWrite(attention)))
    body(
      Operator(.latentAttention, width: attention.outputWidth, .latentAttention(attention)))
    addAttended(
      attention.outputWidth, d, hasBias: attention.outputBias, norm: attention.outputNorm, body)
  }

  /// The output projection, and what comes between it and the residual stream.
  @inlinable
  func addAttended(
    _ width: Int, _ d: Int, hasBias: Bool, norm: Norm?, _ body: (Operator) -> Void
  ) {
    let isAddedApart = norm != nil || residualScale != 1
    body(
      Operator(
        .outputProjection, width: d,
        .projection(
          Projection(
            inputs: width, outputs: d, hasBias: hasBias, from: .attended,
            to: isAddedApart ? .branch : .residual))))
    if isAddedApart {
      body(Operator(.attentionResidual, width: d, .residual(norm, scale: residualScale)))
    }
  }

  @inlinable
  func multiply(
    _ mlp: MLP, _ d: Int, from source: Operator.Place, to destination: Operator.Place,
    _ body: (Operator) -> Void
  ) {
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
            inputs: f, outputs: d, hasBias: mlp.outputBias, from: .activated, to: destination))))
  }

  @inlinable
  func route(
    _ experts: Experts, _ d: Int, from source: Operator.Place, to destination: Operator.Place,
    _ body: (Operator) -> Void
  ) {
    body(Operator(.router, width: d, .route(experts, from: source)))
    body(Operator(.experts, width: d, .experts(experts, from: source, to: destination)))
    guard let shared = experts.shared else { return }
    if shared.isScaled { body(Operator(.sharedScale, width: d, .sharedScale(from: source))) }
    let f = shared.intermediateSize
    body(
      Operator(
        .sharedGateUpProjection, width: d,
        .projection(
          Projection(
            inputs: d, outputs: f, f, hasBias: false, activation: experts.activation,
            from: source, to: .activated, isScaled: shared.isScaled))))
    body(
      Operator(
        .sharedDownProjection, width: d,
        .projection(
          Projection(
            inputs: f, outputs: d, hasBias: false, from: .activated, to: destination,
            accumulates: true))))
  }

  /// What one of `devices` computes of the layer: heads and the columns of MLPs and experts are split
  /// (tensor parallelism, arXiv 1909.08053); KV heads are copied where there are fewer of them, and
  /// latent attention's cache always is.
  @inlinable
  public func part(of devices: Int) -> Layer {
    guard devices > 1 else { return self }
    func share(_ size: Int) -> Int { (size + devices - 1) / devices }
    var layer = self
    switch mixer {
    case .attention(var attention):
      attention.queryHeads = share(attention.queryHeads)
      attention.keyValueHeads = share(attention.keyValueHeads)
      layer.mixer = .attention(attention)
    case .latentAttention(var attention):
      attention.queryHeads = share(attention.queryHeads)
      layer.mixer = .latentAttention(attention)
    case nil: break
    }
    switch feedForward {
    case .dense(var mlp):
      mlp.intermediateSize = share(mlp.intermediateSize)
      layer.feedForward = .dense(mlp)
    case .experts(var experts):
      experts.intermediateSize = share(experts.intermediateSize)
      if let shared = experts.shared {
        experts.shared!.intermediateSize = share(shared.intermediateSize)
      }
      layer.feedForward = .experts(experts)
    case nil: break
    }
    return layer
  }
}

extension Mixer {
  @inlinable public var inputNorm: Norm? {
    switch self {
    case .attention(let attention): attention.inputNorm
    case .latentAttention(let attention): attention.inputNorm
    }
  }

  public var rotary: Attention.Rotation? {
    switch self {
    case .attention(let attention): attention.rotary
    case .latentAttention(let attention): attention.rotary
    }
  }
}

extension FeedForward {
  @inlinable public var inputNorm: Norm? {
    switch self {
    case .dense(let mlp): mlp.inputNorm
    case .experts(let experts): experts.inputNorm
    }
  }

  @inlinable public var outputNorm: Norm? {
    switch self {
    case .dense(let mlp): mlp.outputNorm
    case .experts(let experts): experts.outputNorm
    }
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
