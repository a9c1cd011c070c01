import Model

/// The sizes of a candidate, without what all candidates of a search share: small enough to make
/// and drop by the million.
public struct Shape: Hashable, Sendable {
  public var layers: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var queryHeads: Int
  public var keyValueHeads: Int
  public var headDimension: Int
  public var pattern: LayerPattern

  public init(
    layers: Int, hiddenSize: Int, intermediateSize: Int, queryHeads: Int, keyValueHeads: Int,
    headDimension: Int, pattern: LayerPattern = LayerPattern()
  ) {
    self.layers = layers
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.pattern = pattern
  }

  public init(_ architecture: Architecture) {
    self.init(
      layers: architecture.layers.count, hiddenSize: architecture.hiddenSize,
      intermediateSize: architecture.intermediateSize, queryHeads: architecture.queryHeads,
      keyValueHeads: architecture.keyValueHeads, headDimension: architecture.headDimension,
      pattern: LayerPattern(architecture.layers))
  }

  /// Attention parameters of all layers, `d·e·(2H + 2K)` each.
  public var attentionParameters: Int {
    (layers - pattern.attentionFree)
      * (2 * hiddenSize * headDimension * (queryHeads + keyValueHeads))
  }
  /// MLP parameters of all layers with weights of their own, `3·d·f` each.
  public var mlpParameters: Int {
    (layers - pattern.shared) * (3 * hiddenSize * intermediateSize)
  }
  /// `N`, non-embedding; shared weights count once.
  public var parameters: Int { attentionParameters + mlpParameters }
  /// `r`, MLP over attention parameters.
  public var mlpToAttentionRatio: Double { Double(mlpParameters) / Double(attentionParameters) }
  /// `d/√N`.
  public var normalizedHiddenSize: Double {
    Double(hiddenSize) / Double(parameters).squareRoot()
  }
  /// `d/L`.
  public var aspectRatio: Double { Double(hiddenSize) / Double(layers) }
  /// Query heads that share one KV head.
  public var gqa: Int { queryHeads / keyValueHeads }

  /// What people call it: `d2560-f6144-L16-h36-k4-e64`, and in what its layers differ:
  /// `d2560-f6144-L16-h36-k4-e64-free8-pairs`.
  public var name: String {
    let sizes = [
      "d\(hiddenSize)", "f\(intermediateSize)", "L\(layers)", "h\(queryHeads)",
      "k\(keyValueHeads)", "e\(headDimension)",
    ]
    return (sizes + pattern.words).joined(separator: "-")
  }

  /// The architecture of these sizes; vocabulary, positions and the like are the template's.
  public func architecture(like template: Architecture, name: String? = nil) -> Architecture {
    var architecture = template
    architecture.name = name ?? self.name
    architecture.layers = template.layers.arranged(layers, pattern)
    setSizes(of: &architecture)
    return architecture
  }

  /// Changes `architecture`, whose layers are as many and of the same pattern.
  func setSizes(of architecture: inout Architecture) {
    architecture.resizeHidden(to: hiddenSize)
    architecture.layers.modifyKinds { layer in
      // Each access to a part copies it.
      if var attention = layer.attention {
        attention.queryHeads = queryHeads
        attention.keyValueHeads = keyValueHeads
        attention.resizeHeads(to: headDimension)
        layer.attention = attention
      }
      layer.mlp?.intermediateSize = intermediateSize
    }
  }
}
