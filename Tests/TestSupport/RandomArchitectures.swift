import Model
import Numerics

/// Small architectures of every kind: GQA from 1 to H, head dimensions unlike d/H, biases, norms of
/// both kinds in every place, windows, chunks, sinks, rotations, activations, latent attention, experts,
/// parallel and missing parts, layers that differ in every size and share weights.
public func randomArchitecture(seed: UInt64) -> Architecture {
  var random = SeededGenerator(seed: seed)
  func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }
  func pick<T>(_ values: [T]) -> T { values.randomElement(using: &random)! }
  func norm() -> Norm {
    chance(0.1)
      ? Norm(.rms, epsilon: 1e-5, hasWeight: false)
      : chance(0.7) ? .rms(1e-5) : Norm(.layer, epsilon: 1e-5, hasBias: chance(0.5))
  }
  let rotaries = [
    RotaryEmbedding(theta: pick([100, 10_000])),
    RotaryEmbedding(
      theta: 10_000,
      scaling: pick([
        .linear(factor: 4), .dynamic(factor: 2, originalMaxPositions: 16),
        .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 32),
        .yarn(.init(factor: 4, originalMaxPositions: 32, attentionFactor: 1.1)),
      ])),
  ]
  let isPlain = chance(0.3)  // a LLaMA with some of the oldest options
  func attention() -> Attention {
    let keyValueHeads = pick([1, 1, 2, 3, 4])
    let e = pick([2, 6, 10, 16, 24, 32])
    let extents: [Attention.QueryKeyNorm.Extent] =
      isPlain ? [.head] : [.head, .eachHead, .allHeads]
    return Attention(
      queryHeads: keyValueHeads * pick([1, 2, 3, 5, 9]), keyValueHeads: keyValueHeads,
      headDimension: e, window: chance(0.4) ? Int.random(in: 1...20, using: &random) : nil,
      chunk: !isPlain && chance(0.1) ? Int.random(in: 1...20, using: &random) : nil,
      rotary: isPlain || chance(0.8)
        ? .init(
          table: Int.random(in: 0...1, using: &random),
          dimensions: isPlain || chance(0.6) ? e : max(2, e / 4 * 2),
          interleaved: !isPlain && chance(0.3)) : nil,
      queryKeyNorm: chance(0.4)
        ? .init(norm(), pick(extents), isAfterRotation: !isPlain && chance(0.2)) : nil,
      inputBias: chance(0.5),
      outputBias: chance(0.5), scale: !isPlain && chance(0.3) ? 0.2 : nil,
      softcap: !isPlain && chance(0.3) ? 3 : nil,
      temperature: !isPlain && chance(0.2) ? .init(beta: 0.4, positions: 8) : nil,
      hasSinks: !isPlain && chance(0.2),
      inputNorm: isPlain || chance(0.8) ? norm() : nil,
      outputNorm: !isPlain && chance(0.3) ? norm() : nil)
  }
  func mlp() -> MLP {
    MLP(
      intermediateSize: 32 * Int.random(in: 1...4, using: &random),
      activation: isPlain ? .silu : pick(MLP.Activation.allCases), isGated: isPlain || chance(0.7),
      inputBias: !isPlain && chance(0.4), outputBias: !isPlain && chance(0.4),
      inputNorm: isPlain || chance(0.8) ? norm() : nil,
      outputNorm: !isPlain && chance(0.3) ? norm() : nil)
  }
  func latentAttention() -> LatentAttention {
    let rotaryWidth = pick([2, 8, 16])
    return LatentAttention(
      queryHeads: pick([1, 2, 3, 5]), queryRank: chance(0.5) ? pick([32, 64]) : nil,
      rank: pick([32, 64]), plainWidth: pick([4, 16, 24]), rotaryWidth: rotaryWidth,
      valueWidth: pick([8, 16, 20]),
      rotary: .init(
        table: Int.random(in: 0...1, using: &random), dimensions: rotaryWidth,
        interleaved: chance(0.5)), latentNorm: norm(), inputBias: chance(0.3),
      outputBias: chance(0.3), scale: chance(0.3) ? 0.2 : nil,
      inputNorm: chance(0.8) ? norm() : nil, outputNorm: chance(0.3) ? norm() : nil)
  }
  func experts() -> Experts {
    let count = pick([4, 6, 8, 12])
    let groups = Experts.Groups(count: 2, active: pick([1, 2]), best: pick([1, 2]))
    return Experts(
      count: count, active: min(count / 2, pick([1, 2, 3])),
      intermediateSize: 32 * Int.random(in: 1...3, using: &random),
      activation: pick(MLP.Activation.allCases), hasBias: chance(0.4),
      router: .init(
        scoring: pick([.softmax, .sigmoid]), renormalises: chance(0.5), scale: pick([1, 2.5]),
        hasCorrection: chance(0.4), hasBias: chance(0.4), scalesInput: chance(0.2),
        groups: chance(0.4) ? groups : nil),
      shared: chance(0.5)
        ? .init(
          intermediateSize: 32 * Int.random(in: 1...2, using: &random), isScaled: chance(0.5))
        : nil,
      inputNorm: chance(0.8) ? norm() : nil, outputNorm: chance(0.3) ? norm() : nil)
  }
  func layer() -> Layer {
    var layer = Layer(attention: attention(), mlp: mlp())
    if !isPlain, chance(0.3) { layer.latentAttention = latentAttention() }
    if !isPlain, chance(0.4) { layer.experts = experts() }
    guard !isPlain else { return layer }
    layer.residualScale = chance(0.3) ? 0.5 : 1
    switch pick([0, 0, 0, 1, 2, 3, 4]) {
    case 1:
      layer.arrangement = .parallel
      layer.mlp?.inputNorm = norm()
      layer.experts?.inputNorm = norm()
    case 2:
      layer.arrangement = .parallelOneNorm
      layer.attention?.inputNorm = norm()
      layer.latentAttention?.inputNorm = norm()
      layer.mlp?.inputNorm = nil
      layer.experts?.inputNorm = nil
    case 3: layer.mixer = nil
    case 4: layer.feedForward = nil
    default: break
    }
    return layer
  }
  let count = Int.random(in: 1...3, using: &random)
  var layers = [layer()]
  for _ in 1..<count + 1 { layers.append(chance(0.5) ? layers[0] : layer()) }
  if layers.allSatisfy({ $0.mixer == nil }) { layers[0].attention = attention() }
  var sharing: [Int: Int] = [:]
  if let twin = layers.indices.dropFirst().first(where: { layers[$0] == layers[0] }), chance(0.5) {
    sharing[twin] = 0
  }
  return Architecture(
    name: "random-\(seed)", modelType: "llama",
    hiddenSize: 32 * Int.random(in: 1...3, using: &random),
    vocabularySize: Int.random(in: 30...90, using: &random), maxPositions: 4096,
    embeddingScale: isPlain ? 1 : pick([1, 3]), learnedPositions: !isPlain && chance(0.2) ? 512 : 0,
    layers: LayerStack(layers, sharing: sharing), rotaries: rotaries, finalNorm: norm(),
    tiedEmbeddings: chance(0.5), headBias: !isPlain && chance(0.2),
    logitScale: isPlain ? 1 : pick([1, 0.25]), logitSoftcap: !isPlain && chance(0.3) ? 5 : nil)
}

extension Architecture {
  /// With heads as wide as the blocks of block formats.
  public var withHeadsOfBlocks: Architecture {
    var architecture = self
    architecture.layers.modifyKinds { layer in
      layer.attention?.resizeHeads(to: 32)
      guard var latent = layer.latentAttention else { return }
      (latent.plainWidth, latent.rotaryWidth, latent.valueWidth) = (32, 32, 32)
      latent.rotary.dimensions = 32
      layer.latentAttention = latent
    }
    return architecture
  }
}

public func randomTokens(_ count: Int, _ architecture: Architecture, seed: UInt64) -> [Int] {
  var random = SeededGenerator(seed: seed)
  return (0..<count).map { _ in Int.random(in: 0..<architecture.vocabularySize, using: &random) }
}

/// Small LLaMAs: what a `config.json` can say.
public func randomLlama(seed: UInt64) -> Architecture {
  var random = SeededGenerator(seed: seed)
  let keyValueHeads = [1, 2, 3].randomElement(using: &random)!
  return Architecture(
    name: "random-\(seed)", hiddenSize: 32 * Int.random(in: 1...3, using: &random),
    intermediateSize: 32 * Int.random(in: 1...4, using: &random),
    layers: Int.random(in: 1...3, using: &random),
    queryHeads: keyValueHeads * [1, 2, 3].randomElement(using: &random)!,
    keyValueHeads: keyValueHeads, headDimension: [16, 32].randomElement(using: &random)!,
    vocabularySize: Int.random(in: 30...90, using: &random),
    tiedEmbeddings: Bool.random(using: &random))
}
