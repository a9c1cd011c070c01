/// A decoder-only transformer as data: an embedding, layers that may all differ, a final norm, a head.
///
/// `Lowering.swift` turns it into operators; everything that depends on what a layer is (parameters,
/// tensors, memory, execution, FLOPs, prices) follows from these.
public struct Architecture: Hashable, Sendable {
  /// What people call it: the zoo name, the folder or the file. Not part of the configuration.
  public var name: String
  /// The `model_type` whose `config.json` describes it (`Families`).
  public var modelType: String
  public var hiddenSize: Int
  public var vocabularySize: Int
  public var maxPositions: Int
  /// What embedded tokens are multiplied by.
  public var embeddingScale: Double
  /// Positions with an embedding of their own, added to the token's; 0: none.
  public var learnedPositions: Int
  public var layers: LayerStack
  /// The rotations that layers refer to.
  public var rotaries: [RotaryEmbedding]
  public var finalNorm: Norm
  public var tiedEmbeddings: Bool
  public var headBias: Bool
  /// What logits are multiplied by.
  public var logitScale: Double
  /// Logits become `softcap·tanh(logit/softcap)`.
  public var logitSoftcap: Double?

  public init(
    name: String, modelType: String, hiddenSize: Int, vocabularySize: Int, maxPositions: Int,
    embeddingScale: Double = 1, learnedPositions: Int = 0, layers: LayerStack,
    rotaries: [RotaryEmbedding], finalNorm: Norm, tiedEmbeddings: Bool, headBias: Bool = false,
    logitScale: Double = 1, logitSoftcap: Double? = nil
  ) {
    self.name = name
    self.modelType = modelType
    self.hiddenSize = hiddenSize
    self.vocabularySize = vocabularySize
    self.maxPositions = maxPositions
    self.embeddingScale = embeddingScale
    self.learnedPositions = learnedPositions
    self.layers = layers
    self.rotaries = rotaries
    self.finalNorm = finalNorm
    self.tiedEmbeddings = tiedEmbeddings
    self.headBias = headBias
    self.logitScale = logitScale
    self.logitSoftcap = logitSoftcap
  }

  /// A LLaMA: equal layers of RMSNorm, rotary grouped-query attention and SwiGLU.
  ///
  /// - Parameters:
  ///   - qkNorm: RMSNorm over each query and key head before the rotation (Qwen3).
  ///   - slidingWindow: positions a token sees from layer `firstWindowedLayer` on.
  public init(
    name: String, modelType: String = "llama", hiddenSize: Int, intermediateSize: Int, layers: Int,
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, vocabularySize: Int,
    maxPositions: Int = 131_072, rmsNormEpsilon: Double = 1e-5,
    rotary: RotaryEmbedding = RotaryEmbedding(theta: 500_000), tiedEmbeddings: Bool = true,
    qkvBias: Bool = false, outputBias: Bool = false, qkNorm: Bool = false,
    slidingWindow: Int? = nil, firstWindowedLayer: Int = 0
  ) {
    let norm = Norm.rms(rmsNormEpsilon)
    let layer = Layer(
      attention: Attention(
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension,
        rotary: .init(dimensions: headDimension), queryKeyNorm: qkNorm ? .init(norm, .head) : nil,
        inputBias: qkvBias, outputBias: outputBias, inputNorm: norm),
      mlp: MLP(intermediateSize: intermediateSize, inputNorm: norm))
    var windowed = layer
    windowed.attention?.window = slidingWindow
    self.init(
      name: name, modelType: modelType, hiddenSize: hiddenSize, vocabularySize: vocabularySize,
      maxPositions: maxPositions,
      layers: LayerStack((0..<layers).map { $0 < firstWindowedLayer ? layer : windowed }),
      rotaries: [rotary], finalNorm: norm, tiedEmbeddings: tiedEmbeddings)
  }
}

// Sizes that most architectures have the same in all layers. Read, they are those of the first layer
// that has such a part (0 where none does); set, they change every layer that has it.
extension Architecture {
  public var intermediateSize: Int {
    get { firstMLP?.intermediateSize ?? firstExperts?.intermediateSize ?? 0 }
    set { layers.modifyKinds { $0.mlp?.intermediateSize = newValue } }
  }

  public var queryHeads: Int {
    get { firstAttention?.queryHeads ?? firstLatentAttention?.queryHeads ?? 0 }
    set { layers.modifyKinds { $0.attention?.queryHeads = newValue } }
  }

  public var keyValueHeads: Int {
    get { firstAttention?.keyValueHeads ?? 0 }
    set { layers.modifyKinds { $0.attention?.keyValueHeads = newValue } }
  }

  /// Set, the turned part of a head keeps its share.
  public var headDimension: Int {
    get { firstAttention?.headDimension ?? 0 }
    set { layers.modifyKinds { $0.attention?.resizeHeads(to: newValue) } }
  }

  /// Query heads that share one KV head, `H/K`.
  public var queryHeadsPerKeyValueHead: Int {
    keyValueHeads > 0 ? queryHeads / keyValueHeads : 0
  }

  /// The window of the first layer that has one, `nil` where none does.
  public var slidingWindow: Int? {
    get { layers.first { $0.attention?.window != nil }?.attention?.window }
    set { layers.modifyKinds { $0.attention?.window = newValue } }
  }

  /// Whether some layer has an attention window.
  public var hasWindows: Bool { layers.kinds.contains { $0.attention?.window != nil } }

  public var firstAttention: Attention? { first { $0.attention } }
  public var firstMLP: MLP? { first { $0.mlp } }
  public var firstLatentAttention: LatentAttention? { first { $0.latentAttention } }
  public var firstExperts: Experts? { first { $0.experts } }

  /// Kinds are in the order in which they first occur.
  private func first<Part>(_ part: (Layer) -> Part?) -> Part? {
    for kind in layers.kinds.indices {
      if let part = part(layers.kinds[kind]) { return part }
    }
    return nil
  }

  /// Columns of the widest MLP that every token passes.
  public var widestMLP: Int {
    layers.kinds.reduce(0) {
      max($0, $1.mlp?.intermediateSize ?? $1.experts?.shared?.intermediateSize ?? 0)
    }
  }

  /// Whether all layers are attention of the same heads and an MLP of the same width, or lack some.
  public var isUniform: Bool {
    let (attention, mlp) = (firstAttention, firstMLP)
    return layers.kinds.allSatisfy { layer in
      let hasOtherParts = layer.latentAttention != nil || layer.experts != nil
      return !hasOtherParts
        && (layer.attention.map {
          $0.queryHeads == attention?.queryHeads && $0.keyValueHeads == attention?.keyValueHeads
            && $0.headDimension == attention?.headDimension
        } ?? true) && (layer.mlp.map { $0.intermediateSize == mlp?.intermediateSize } ?? true)
    }
  }
}

extension Architecture {
  /// Changes the width of the residual stream; a scale of embeddings that is its root stays so (Gemma).
  public mutating func resizeHidden(to size: Int) {
    if embeddingScale == Double(hiddenSize).squareRoot() {
      embeddingScale = Double(size).squareRoot()
    }
    hiddenSize = size
  }
}

extension Attention {
  /// Changes the width of heads; the turned part keeps its share.
  public mutating func resizeHeads(to dimension: Int) {
    if let rotated = rotary?.dimensions, headDimension > 0, rotated <= headDimension {
      rotary?.dimensions = dimension * rotated / headDimension / 2 * 2
    }
    headDimension = dimension
  }
}
