import Model
import ScalingLaws

/// The sizes of a candidate, without what all candidates of a search share: small enough to make
/// and drop by the million.
public struct Shape: Hashable, Sendable {
  public var layers: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var queryHeads: Int
  public var keyValueHeads: Int
  public var headDimension: Int

  public init(
    layers: Int, hiddenSize: Int, intermediateSize: Int, queryHeads: Int, keyValueHeads: Int,
    headDimension: Int
  ) {
    self.layers = layers
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
  }

  public init(_ architecture: Architecture) {
    self.init(
      layers: architecture.layers.count, hiddenSize: architecture.hiddenSize,
      intermediateSize: architecture.intermediateSize, queryHeads: architecture.queryHeads,
      keyValueHeads: architecture.keyValueHeads, headDimension: architecture.headDimension)
  }

  /// Attention parameters of a layer, `d·e·(2H + 2K)`.
  public var attentionParameters: Int {
    2 * hiddenSize * headDimension * (queryHeads + keyValueHeads)
  }
  /// MLP parameters of a layer, `3·d·f`.
  public var mlpParameters: Int { 3 * hiddenSize * intermediateSize }
  /// `N`, non-embedding.
  public var parameters: Int { layers * (attentionParameters + mlpParameters) }
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

  /// What people call it: `d2560-f6144-L16-h36-k4-e64`.
  public var name: String {
    "d\(hiddenSize)-f\(intermediateSize)-L\(layers)-h\(queryHeads)-k\(keyValueHeads)"
      + "-e\(headDimension)"
  }

  /// The architecture of these sizes; vocabulary, positions and the like are the template's.
  public func architecture(like template: Architecture, name: String? = nil) -> Architecture {
    var architecture = template
    architecture.name = name ?? self.name
    apply(to: &architecture)
    return architecture
  }

  func apply(to architecture: inout Architecture) {
    architecture.hiddenSize = hiddenSize
    architecture.layers.resize(to: layers)
    architecture.layers.modifyKinds { layer in
      layer.attention?.queryHeads = queryHeads
      layer.attention?.keyValueHeads = keyValueHeads
      layer.attention?.resizeHeads(to: headDimension)
      layer.mlp?.intermediateSize = intermediateSize
    }
  }

  /// The same as laws see it.
  var trainingPoint: TrainingPoint {
    TrainingPoint(
      parameters: Double(parameters), normalizedHiddenSize: normalizedHiddenSize,
      mlpToAttentionRatio: mlpToAttentionRatio, aspectRatio: aspectRatio)
  }
}
