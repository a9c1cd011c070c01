import Model
import ScalingLaws

/// The sizes of a candidate, without what all candidates of a search share: small enough to make
/// and drop by the million.
public struct Shape: Hashable, Sendable {
  public var layers: Int
  public var hiddenSize: Int
  /// Of the MLP, or of one expert.
  public var intermediateSize: Int
  public var queryHeads: Int
  public var keyValueHeads: Int
  public var headDimension: Int
  public var pattern: LayerPattern
  public var mixture: ExpertMixture

  public init(
    layers: Int, hiddenSize: Int, intermediateSize: Int, queryHeads: Int, keyValueHeads: Int,
    headDimension: Int, pattern: LayerPattern = LayerPattern(),
    mixture: ExpertMixture = ExpertMixture()
  ) {
    self.layers = layers
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.pattern = pattern
    self.mixture = mixture
  }

  public init(_ architecture: Architecture) {
    self.init(
      layers: architecture.layers.count, hiddenSize: architecture.hiddenSize,
      intermediateSize: architecture.firstExperts?.intermediateSize
        ?? architecture.intermediateSize, queryHeads: architecture.queryHeads,
      keyValueHeads: architecture.keyValueHeads, headDimension: architecture.headDimension,
      pattern: LayerPattern(architecture.layers), mixture: ExpertMixture(architecture.layers))
  }

  /// Attention parameters of all layers, `d·e·(2H + 2K)` each.
  public var attentionParameters: Int {
    (layers - pattern.attentionFree)
      * (2 * hiddenSize * headDimension * (queryHeads + keyValueHeads))
  }
  /// MLP parameters of all layers with weights of their own, `3·d·f` each or of each expert.
  public var mlpParameters: Int {
    (mixture.isDense ? layers - pattern.shared : mixture.widths(layers: layers).all)
      * (3 * hiddenSize * intermediateSize)
  }
  /// Those that a token passes.
  public var activeMLPParameters: Int {
    mixture.isDense
      ? mlpParameters
      : mixture.widths(layers: layers).active * (3 * hiddenSize * intermediateSize)
  }
  /// Of what chooses experts, `d` for each.
  public var routerParameters: Int { (layers - mixture.denseLayers) * mixture.count * hiddenSize }
  /// `N`, non-embedding; shared weights count once, experts all.
  public var parameters: Int { attentionParameters + mlpParameters + routerParameters }
  /// Of `N`, what a token passes.
  public var activeParameters: Int {
    attentionParameters + activeMLPParameters + routerParameters
  }
  public func parameters(_ budget: ParameterBudget) -> Int {
    budget == .total ? parameters : activeParameters
  }
  /// `r`, MLP over attention parameters, of what a token passes.
  public var mlpToAttentionRatio: Double {
    Double(activeMLPParameters) / Double(attentionParameters)
  }
  /// `d/√N`, of what a token passes.
  public var normalizedHiddenSize: Double {
    Double(hiddenSize) / Double(activeParameters).squareRoot()
  }
  /// `G = 2d/f` of experts; `nil` of a dense model.
  public var granularity: Double? {
    mixture.isDense ? nil : Double(2 * hiddenSize) / Double(intermediateSize)
  }
  /// `d/L`.
  public var aspectRatio: Double { Double(hiddenSize) / Double(layers) }
  /// Query heads that share one KV head.
  public var gqa: Int { queryHeads / keyValueHeads }

  /// What people call it: `d2560-f6144-L16-h36-k4-e64`, and in what its layers differ:
  /// `d2560-f6144-L16-h36-k4-e64-free8-pairs`, `d2048-f1024-L16-h32-k8-e64-x32a4`.
  public var name: String {
    let sizes = [
      "d\(hiddenSize)", "f\(intermediateSize)", "L\(layers)", "h\(queryHeads)",
      "k\(keyValueHeads)", "e\(headDimension)",
    ]
    return (sizes + pattern.words + mixture.words).joined(separator: "-")
  }

  /// The architecture of these sizes; vocabulary, positions and the like are the template's.
  public func architecture(like template: Architecture, name: String? = nil) -> Architecture {
    var architecture = template
    architecture.name = name ?? self.name
    architecture.arrange(like: template, layers, pattern, mixture)
    setSizes(of: &architecture)
    return architecture
  }

  /// Changes `architecture`, whose layers are as many, of the same pattern and mixture.
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
      // Dense layers of a mixture are as wide as what a token passes of the others.
      layer.mlp?.intermediateSize = mixture.passed * intermediateSize
      guard !mixture.isDense, var experts = layer.experts else { return }
      experts.intermediateSize = intermediateSize
      experts.shared?.intermediateSize = mixture.shared * intermediateSize
      layer.experts = experts
    }
  }
}
