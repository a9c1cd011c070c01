import Formats
import Model

/// What `dyno describe` says of an architecture.
public struct ArchitectureDescription: Encodable, Sendable {
  public let name: String
  public let modelType: String
  public let hiddenSize: Int
  public let intermediateSize: Int
  public let layers: Int
  public let queryHeads: Int
  public let keyValueHeads: Int
  public let headDimension: Int
  public let vocabularySize: Int
  /// Kinds of layers where they differ: what each is, and how many there are.
  public let layerKinds: [LayerKind]?
  public let parameters: Int
  public let nonEmbeddingParameters: Int
  public let attentionParameters: Int
  public let mlpParameters: Int
  /// Input embedding, and the output head where it is not tied to it.
  public let embeddingParameters: Int
  /// `r`, MLP over attention parameters.
  public let mlpToAttentionRatio: Double
  /// `d/√N`.
  public let normalizedHiddenSize: Double
  /// GQA, `H/K`.
  public let queryHeadsPerKeyValueHead: Int
  /// Of a decode step of one sequence at `depth`, logits included.
  public let flopsPerToken: Double
  public let weightBytesPerToken: Double
  /// Cache read by that step.
  public let cacheBytesReadPerToken: Double
  /// Cache that each token adds.
  public let kvBytesPerToken: Double
  public let depth: Int
  public let dtype: DType
  public let cacheDtype: DType
  /// By dtype; absent where rows do not fill whole blocks.
  public let weightMemoryBytes: [String: Int]

  public init(_ architecture: Architecture, dtype: DType, cacheDType: DType, depth: Int) {
    let counts = architecture.parameters
    let step = Step(batch: 1, cached: depth, new: 1)
    let operators = architecture.operators(of: step, weights: dtype, cache: cacheDType)
    name = architecture.name
    modelType = architecture.modelType
    hiddenSize = architecture.hiddenSize
    intermediateSize = architecture.intermediateSize
    layers = architecture.layers.count
    queryHeads = architecture.queryHeads
    keyValueHeads = architecture.keyValueHeads
    headDimension = architecture.headDimension
    vocabularySize = architecture.vocabularySize
    layerKinds = LayerKind.kinds(of: architecture)
    parameters = counts.total
    nonEmbeddingParameters = counts.nonEmbedding
    attentionParameters = counts.attention
    mlpParameters = counts.mlp
    embeddingParameters = counts.embedding + counts.head
    mlpToAttentionRatio = architecture.mlpToAttentionRatio
    normalizedHiddenSize = architecture.normalizedHiddenSize
    queryHeadsPerKeyValueHead = architecture.queryHeadsPerKeyValueHead
    flopsPerToken = operators.reduce(0) { $0 + $1.flops }
    weightBytesPerToken = operators.reduce(0) { $0 + $1.weightBytes }
    cacheBytesReadPerToken = operators.reduce(0) { $0 + $1.cacheReadBytes }
    kvBytesPerToken = architecture.cacheBytesPerToken(cacheDType)
    self.depth = depth
    self.dtype = dtype
    cacheDtype = cacheDType
    weightMemoryBytes = Dictionary(
      uniqueKeysWithValues: DType.allCases.compactMap { dtype in
        (try? architecture.weightBytes(dtype)).map { (dtype.rawValue, $0) }
      })
  }

  /// The same for people: one fact a line.
  public var table: String {
    let share = { (part: Int) in
      Quantity.percent(Double(part) / Double(self.nonEmbeddingParameters))
    }
    let memory = DType.allCases.compactMap { dtype in
      weightMemoryBytes[dtype.rawValue].map { "\(dtype) \(Quantity.bytes(Double($0)))" }
    }
    let shape: [(String, String)] = [
      ("model type", modelType),
      (
        "shape",
        "hidden \(hiddenSize), intermediate \(intermediateSize), layers \(layers), "
          + "query heads \(queryHeads), KV heads \(keyValueHeads), head dimension \(headDimension), "
          + "vocabulary \(vocabularySize)"
      ),
    ]
    let kinds = (layerKinds ?? []).map { ("  \($0.count) layers", $0.text) }
    let counts: [(String, String)] = [
      ("parameters", "\(Quantity.count(Double(parameters))) (\(parameters))"),
      (
        "non-embedding, N",
        "\(Quantity.count(Double(nonEmbeddingParameters))) (\(nonEmbeddingParameters))"
      ),
      (
        "  attention",
        "\(Quantity.count(Double(attentionParameters))) (\(share(attentionParameters)))"
      ),
      ("  MLP", "\(Quantity.count(Double(mlpParameters))) (\(share(mlpParameters)))"),
      ("MLP / attention, r", Quantity.number(mlpToAttentionRatio)),
      ("hidden size / √N", Quantity.number(normalizedHiddenSize)),
      ("GQA, query heads per KV head", "\(queryHeadsPerKeyValueHead)"),
      ("FLOPs per token at depth \(depth)", Quantity.count(flopsPerToken)),
      ("weight bytes per token, \(dtype)", Quantity.bytes(weightBytesPerToken)),
      ("KV bytes per token, \(cacheDtype)", Quantity.bytes(kvBytesPerToken)),
      ("KV bytes read at depth \(depth)", Quantity.bytes(cacheBytesReadPerToken)),
      ("weight memory", memory.joined(separator: ", ")),
    ]
    return name + "\n" + Facts.rendered(shape + kinds + counts, indent: "  ")
  }
}

/// Layers of an architecture that are alike.
public struct LayerKind: Encodable, Sendable {
  public let count: Int
  /// Absent where the layer has no attention.
  public let queryHeads: Int?
  public let keyValueHeads: Int?
  public let headDimension: Int?
  /// Positions a token sees; absent: all before it.
  public let window: Int?
  /// Absent where the layer has no MLP.
  public let intermediateSize: Int?
  /// Layers of this kind that use the weights of another one.
  public let sharing: Int

  /// - Returns: `nil` where all layers are alike and have weights of their own.
  static func kinds(of architecture: Architecture) -> [LayerKind]? {
    let layers = architecture.layers
    guard layers.kinds.count > 1 || layers.sharesWeights else { return nil }
    return layers.kinds.indices.map { kind in
      let (attention, mlp) = (layers.kinds[kind].attention, layers.kinds[kind].mlp)
      return LayerKind(
        count: layers.counts[kind], queryHeads: attention?.queryHeads,
        keyValueHeads: attention?.keyValueHeads, headDimension: attention?.headDimension,
        window: attention?.window, intermediateSize: mlp?.intermediateSize,
        sharing: layers.counts[kind] - layers.ownCounts[kind])
    }
  }

  var text: String {
    var parts: [String] = []
    if let queryHeads, let keyValueHeads {
      parts.append("attention \(queryHeads)/\(keyValueHeads) heads")
      if let window { parts.append("window \(window)") }
    } else {
      parts.append("no attention")
    }
    parts.append(intermediateSize.map { "MLP \($0)" } ?? "no MLP")
    if sharing > 0 { parts.append("\(sharing) share weights") }
    return parts.joined(separator: ", ")
  }
}
