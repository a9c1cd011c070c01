import Architectures
import Numerics

/// Small architectures of every kind: GQA from 1 to H, head dimensions unlike d/H, biases, QK-norm,
/// sliding windows, llama3 RoPE.
public func randomArchitecture(seed: UInt64) -> Architecture {
  var random = SeededGenerator(seed: seed)
  let keyValueHeads = [1, 1, 2, 3, 4].randomElement(using: &random)!
  let group = [1, 2, 3, 5, 9].randomElement(using: &random)!
  let windowed = Bool.random(using: &random)
  let layers = Int.random(in: 1...3, using: &random)
  return Architecture(
    name: "random-\(seed)", hiddenSize: 32 * Int.random(in: 1...3, using: &random),
    intermediateSize: 32 * Int.random(in: 1...4, using: &random), layers: layers,
    queryHeads: keyValueHeads * group, keyValueHeads: keyValueHeads,
    headDimension: [2, 6, 10, 16, 24, 32].randomElement(using: &random)!,
    vocabularySize: Int.random(in: 30...90, using: &random), rmsNormEpsilon: 1e-5,
    rotary: RotaryEmbedding(
      theta: [100, 10_000].randomElement(using: &random)!,
      scaling: Bool.random(using: &random)
        ? .init(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 32)
        : nil),
    tiedEmbeddings: Bool.random(using: &random), qkvBias: Bool.random(using: &random),
    outputBias: Bool.random(using: &random), qkNorm: Bool.random(using: &random),
    slidingWindow: windowed ? Int.random(in: 1...20, using: &random) : nil,
    firstWindowedLayer: windowed ? Int.random(in: 0...1, using: &random) : 0)
}

public func randomTokens(_ count: Int, _ architecture: Architecture, seed: UInt64) -> [Int] {
  var random = SeededGenerator(seed: seed)
  return (0..<count).map { _ in Int.random(in: 0..<architecture.vocabularySize, using: &random) }
}
