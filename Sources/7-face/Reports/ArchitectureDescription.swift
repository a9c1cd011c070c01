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
  /// Of the first layer with experts; absent where none has any.
  public let experts: ExpertsDescription?
  /// Layers with experts, where there are any.
  public let expertLayers: Int?
  /// Of the first layer with latent attention; absent where none has it.
  public let latentAttention: LatentAttentionDescription?
  /// Kinds of layers where they differ: what each is, and how many there are.
  public let layerKinds: [LayerKind]?
  public let parameters: Int
  /// What one token passes: all but the experts that it is not sent to.
  public let activeParameters: Int
  public let nonEmbeddingParameters: Int
  public let activeNonEmbeddingParameters: Int
  public let attentionParameters: Int
  /// Of MLPs and of all experts.
  public let mlpParameters: Int
  /// Of what sends tokens to experts; absent where nothing does.
  public let routerParameters: Int?
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
  public let dtype: WeightFormat
  public let cacheDtype: DType
  /// By format; absent where rows do not fill whole blocks.
  public let weightMemoryBytes: [String: Int]

  /// - Throws: `InputError` where rows do not fill the blocks of `dtype`.
  public init(
    _ architecture: Architecture, dtype: WeightFormat, cacheDType: DType, depth: Int
  ) throws {
    let counts = architecture.parameters
    let step = Step(batch: 1, cached: depth, new: 1)
    let operators = architecture.operators(
      of: step, weights: try WeightStorage(dtype, architecture), cache: cacheDType)
    name = architecture.name
    modelType = architecture.modelType
    hiddenSize = architecture.hiddenSize
    intermediateSize = architecture.intermediateSize
    layers = architecture.layers.count
    queryHeads = architecture.queryHeads
    keyValueHeads = architecture.keyValueHeads
    headDimension = architecture.headDimension
    vocabularySize = architecture.vocabularySize
    experts = architecture.firstExperts.map(ExpertsDescription.init)
    let expertLayers = architecture.layers.count { $0.experts != nil }
    self.expertLayers = expertLayers > 0 ? expertLayers : nil
    latentAttention = architecture.firstLatentAttention.map(LatentAttentionDescription.init)
    layerKinds = LayerKind.kinds(of: architecture)
    parameters = counts.total
    activeParameters = counts.active
    nonEmbeddingParameters = counts.nonEmbedding
    activeNonEmbeddingParameters = counts.activeNonEmbedding
    routerParameters = counts.router > 0 ? counts.router : nil
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
      uniqueKeysWithValues: WeightFormat.allCases.compactMap { format in
        (try? architecture.weightBytes(format)).map { (format.rawValue, $0) }
      })
  }

  /// Formats whose memory people are told; JSON has all.
  static let common: [WeightFormat] =
    [.f32, .bf16, .f16, .q8_0, .q4_0, .q4_1] + WeightFormat.mixes.filter { $0.base == .q4_k }

  /// The same for people: one fact a line.
  public var table: String {
    let share = { (part: Int) in
      Quantity.percent(Double(part) / Double(self.nonEmbeddingParameters))
    }
    let memory = WeightFormat.allCases.filter { $0 == dtype || Self.common.contains($0) }
      .compactMap { format in
        weightMemoryBytes[format.rawValue].map { "\(format) \(Quantity.bytes(Double($0)))" }
      }
    let heads =
      latentAttention == nil
      ? ", KV heads \(keyValueHeads), head dimension \(headDimension)" : ""
    var shape: [(String, String)] = [
      ("model type", modelType),
      (
        "shape",
        "hidden \(hiddenSize), intermediate \(intermediateSize), layers \(layers), "
          + "query heads \(queryHeads)\(heads), vocabulary \(vocabularySize)"
      ),
    ]
    if let experts, let expertLayers {
      shape.append(("experts", "\(experts.text), in \(expertLayers) of \(layers) layers"))
    }
    if let latentAttention { shape.append(("latent attention", latentAttention.text)) }
    let kinds = (layerKinds ?? []).map { ("  \($0.count) layers", $0.text) }
    let number = { (count: Int) in "\(Quantity.count(Double(count))) (\(count))" }
    let isSparse = activeParameters < parameters
    var counts: [(String, String)] = [("parameters", number(parameters))]
    if isSparse { counts.append(("  active", number(activeParameters))) }
    counts.append(("non-embedding, N", number(nonEmbeddingParameters)))
    if isSparse { counts.append(("  active", number(activeNonEmbeddingParameters))) }
    counts += [
      (
        "  attention",
        "\(Quantity.count(Double(attentionParameters))) (\(share(attentionParameters)))"
      ),
      (
        isSparse ? "  MLP, experts" : "  MLP",
        "\(Quantity.count(Double(mlpParameters))) (\(share(mlpParameters)))"
      ),
    ]
    if let routerParameters {
      counts.append(
        ("  router", "\(Quantity.count(Double(routerParameters))) (\(share(routerParameters)))"))
    }
    counts += [
      ("MLP / attention, r", Quantity.number(mlpToAttentionRatio)),
      ("hidden size / √N", Quantity.number(normalizedHiddenSize)),
    ]
    if latentAttention == nil {
      counts.append(("GQA, query heads per KV head", "\(queryHeadsPerKeyValueHead)"))
    }
    counts += [
      ("FLOPs per token at depth \(depth)", Quantity.count(flopsPerToken)),
      ("weight bytes per token, \(dtype)", Quantity.bytes(weightBytesPerToken)),
      ("KV bytes per token, \(cacheDtype)", Quantity.bytes(kvBytesPerToken)),
      ("KV bytes read at depth \(depth)", Quantity.bytes(cacheBytesReadPerToken)),
      ("weight memory", memory.joined(separator: ", ")),
    ]
    return name + "\n" + Facts.rendered(shape + kinds + counts, indent: "  ")
  }
}

/// A mixture of experts.
public struct ExpertsDescription: Encodable, Sendable {
  public let count: Int
  public let active: Int
  /// Of one expert.
  public let intermediateSize: Int
  /// Of what every token passes; absent where there is none.
  public let sharedIntermediateSize: Int?

  init(_ experts: Experts) {
    count = experts.count
    active = experts.active
    intermediateSize = experts.intermediateSize
    sharedIntermediateSize = experts.shared?.intermediateSize
  }

  var text: String {
    "\(active) of \(count) experts \(intermediateSize)"
      + (sharedIntermediateSize.map { ", shared \($0)" } ?? "")
  }
}

/// Multi-head latent attention.
public struct LatentAttentionDescription: Encodable, Sendable {
  public let queryHeads: Int
  /// Width of what queries are made of; absent: of the layer's input.
  public let queryRank: Int?
  /// Width of what keys and values are made of, which the cache holds.
  public let rank: Int
  /// Elements of a key that are turned, and that the cache holds as well.
  public let rotaryWidth: Int
  /// Widths of a head.
  public let keyWidth: Int
  public let valueWidth: Int

  init(_ attention: LatentAttention) {
    queryHeads = attention.queryHeads
    queryRank = attention.queryRank
    rank = attention.rank
    rotaryWidth = attention.rotaryWidth
    keyWidth = attention.keyWidth
    valueWidth = attention.valueWidth
  }

  var text: String {
    "rank \(rank) + \(rotaryWidth) turned, key \(keyWidth), value \(valueWidth)"
      + (queryRank.map { ", queries of rank \($0)" } ?? "")
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
  /// Positions of a chunk, where a token sees its own alone.
  public let chunk: Int?
  public let latentAttention: LatentAttentionDescription?
  /// Absent where the layer has no MLP.
  public let intermediateSize: Int?
  public let experts: ExpertsDescription?
  /// Layers of this kind that use the weights of another one.
  public let sharing: Int

  /// - Returns: `nil` where all layers are alike and have weights of their own.
  static func kinds(of architecture: Architecture) -> [LayerKind]? {
    let layers = architecture.layers
    guard layers.kinds.count > 1 || layers.sharesWeights else { return nil }
    return layers.kinds.indices.map { kind in
      let layer = layers.kinds[kind]
      let (attention, mlp) = (layer.attention, layer.mlp)
      return LayerKind(
        count: layers.counts[kind], queryHeads: attention?.queryHeads,
        keyValueHeads: attention?.keyValueHeads, headDimension: attention?.headDimension,
        window: attention?.window, chunk: attention?.chunk,
        latentAttention: layer.latentAttention.map(LatentAttentionDescription.init),
        intermediateSize: mlp?.intermediateSize,
        experts: layer.experts.map(ExpertsDescription.init),
        sharing: layers.counts[kind] - layers.ownCounts[kind])
    }
  }

  var text: String {
    var parts: [String] = []
    if let queryHeads, let keyValueHeads {
      parts.append("attention \(queryHeads)/\(keyValueHeads) heads")
      if let window { parts.append("window \(window)") }
      if let chunk { parts.append("chunks of \(chunk)") }
    } else if let latentAttention {
      parts.append("latent attention \(latentAttention.queryHeads) heads")
    } else {
      parts.append("no attention")
    }
    parts.append(intermediateSize.map { "MLP \($0)" } ?? experts?.text ?? "no MLP")
    if sharing > 0 { parts.append("\(sharing) share weights") }
    return parts.joined(separator: ", ")
  }
}
