import Engine
import Formats
import Machine
import Model
import TestSupport
import Testing
import Weights

/// Experts and latent attention in every storage type, cut in every way.
@Suite struct ExpertTests {
  /// What DeepSeek-V3 has: latent attention, a dense first layer, groups, a shared expert.
  static let latent: Architecture = {
    let norm = Norm.rms(1e-5)
    let attention = LatentAttention(
      queryHeads: 4, queryRank: 64, rank: 96, plainWidth: 24, rotaryWidth: 32, valueWidth: 32,
      rotary: .init(dimensions: 32, interleaved: true), latentNorm: norm, inputNorm: norm)
    let experts = Experts(
      count: 8, active: 3, intermediateSize: 96,
      router: .init(
        scoring: .sigmoid, renormalises: true, scale: 2.5, hasCorrection: true,
        groups: .init(count: 4, active: 2, best: 2)), shared: .init(intermediateSize: 64),
      inputNorm: norm)
    return architecture(
      "latent",
      [
        Layer(
          mixer: .latentAttention(attention),
          feedForward: .dense(MLP(intermediateSize: 160, inputNorm: norm))),
        Layer(mixer: .latentAttention(attention), feedForward: .experts(experts)),
      ])
  }()

  /// What gpt-oss and Qwen2-MoE have: sinks, biases, the clamped SwiGLU, a scaled shared expert.
  static let grouped: Architecture = {
    let norm = Norm.rms(1e-5)
    var attention = Attention(
      queryHeads: 6, keyValueHeads: 2, headDimension: 32, rotary: .init(dimensions: 32),
      inputBias: true, hasSinks: true, inputNorm: norm)
    let full = attention
    attention.window = 20
    let experts = Experts(
      count: 16, active: 2, intermediateSize: 352, activation: .clampedSwiGLU, hasBias: true,
      router: .init(renormalises: true, hasBias: true),
      shared: .init(intermediateSize: 64, isScaled: true), inputNorm: norm, outputNorm: norm)
    return architecture(
      "grouped",
      [attention, full].map {
        Layer(mixer: .attention($0), feedForward: .experts(experts))
      })
  }()

  private static func architecture(_ name: String, _ layers: [Layer]) -> Architecture {
    Architecture(
      name: name, modelType: "deepseek_v3", hiddenSize: 96, vocabularySize: 70, maxPositions: 4096,
      layers: LayerStack(layers), rotaries: [RotaryEmbedding(theta: 10_000)],
      finalNorm: .rms(1e-5), tiedEmbeddings: false)
  }

  static let all = [latent, grouped]

  private func weights(_ a: Architecture, _ dtype: DType = .f32, packed: Bool = true) throws
    -> ModelWeights
  {
    try .lively(
      a.validated(), dtype: dtype, packed: packed, seed: 5, kernels: try KernelTable.selected())
  }

  /// Against the same values in f32: rounding alone differs, or activations are quantised.
  @Test(
    arguments: [
      (DType.f32, true, 1e-5), (.bf16, true, 6e-2), (.f16, false, 1e-5), (.q8_0, true, 6e-2),
      (.q8_0, false, 1e-5), (.q4_0, true, 6e-2), (.q4_1, true, 6e-2), (.q4_0, false, 1e-5),
    ], [1, 5, 120])
  func everyStorageType(type: (dtype: DType, packed: Bool, bound: Double), step: Int) throws {
    for architecture in Self.all {
      let weights = try weights(architecture, type.dtype, packed: type.packed)
      let tokens = randomTokens(120, architecture, seed: 1)
      let actual = try TestEngine(weights, threads: 2).logits(tokens, inStepsOf: step)
      let error = Self.usualError(actual, ReferenceModel(weights).logits(tokens))
      let isExact = try KernelTable.selected().activations(for: type.dtype) == .f32
      #expect(error <= (isExact ? 1e-5 : type.bound), "\(architecture.name)")
    }
  }

  /// The median over positions of their relative errors: where activations are quantised, a token near
  /// a tie may pass another expert than the reference's.
  private static func usualError(_ actual: [[Float]], _ reference: [[Double]]) -> Double {
    zip(actual, reference).map { relativeError([$0], [$1]) }.sorted()[actual.count / 2]
  }

  @Test(arguments: KernelTable.available.indices)
  func eachInstructionSet(index: Int) throws {
    let kernels = KernelTable.available[index]
    for architecture in Self.all {
      let weights = try ModelWeights.lively(architecture, seed: 5, kernels: kernels)
      let tokens = randomTokens(90, architecture, seed: 3)
      let engine = try TestEngine(weights, kernels: kernels)
      let reference = ReferenceModel(weights).logits(tokens)
      #expect(relativeError(try engine.logits(tokens, inStepsOf: 45), reference) <= 1e-5)
      engine.engine.cache.setLength(80, ofSequence: 0)
      let tail = try engine.logits(Array(tokens[80...]), inStepsOf: 1)
      #expect(relativeError(tail, Array(reference[80...])) <= 1e-5, "\(kernels.name)")
    }
  }

  /// Latent attention expands in one and absorbs in the other.
  @Test func promptInOneGoEqualsTokenByToken() throws {
    for architecture in Self.all {
      let weights = try weights(architecture)
      let tokens = randomTokens(150, architecture, seed: 2)
      let whole = try TestEngine(weights).logits(tokens, inStepsOf: 150)
      for size in [1, 7, 97] {
        let cut = try TestEngine(weights).logits(tokens, inStepsOf: size)
        #expect(relativeError(cut, whole) <= 1e-5, "steps of \(size)")
      }
    }
  }

  /// Prompts and single tokens in one step, on two threads, equal each by itself on one.
  @Test func batchEqualsSingle() throws {
    for architecture in Self.all {
      let weights = try weights(architecture)
      let lengths = [3, 60, 1, 17, 111]
      let prompts = lengths.map { randomTokens($0, architecture, seed: UInt64($0)) }
      let next = randomTokens(40, architecture, seed: 99)
      let batch = try TestEngine(weights, sequences: lengths.count, threads: 2)
      let first = try batch.logits(Array(prompts.enumerated().map { ($0.offset, $0.element) }))
      let second = try batch.logits(
        prompts.indices.map { ($0, $0 == 1 ? next : [next[$0]]) })
      var (row, then) = (0, 0)
      for (index, prompt) in prompts.enumerated() {
        let single = try TestEngine(weights)
        let alone = try single.logits([(0, prompt)])
        #expect(relativeError(Array(first[row..<row + prompt.count]), alone) <= 1e-5)
        let more = index == 1 ? next : [next[index]]
        let after = try single.logits([(0, more)])
        #expect(relativeError(Array(second[then..<then + more.count]), after) <= 1e-5)
        (row, then) = (row + prompt.count, then + more.count)
      }
    }
  }

  /// Contexts that are split over positions, and more positions than are expanded at a time.
  @Test func longContexts() throws {
    var architecture = Self.latent
    architecture.layers = LayerStack([Self.latent.layers[1]])
    let weights = try weights(architecture)
    let tokens = randomTokens(700, architecture, seed: 4)
    let reference = ReferenceModel(weights).logits(tokens)
    let engine = try TestEngine(weights, capacity: 700, maxTokens: 700, threads: 2)
    #expect(relativeError(try engine.logits([(0, tokens)]), reference) <= 1e-5)
    engine.engine.cache.setLength(690, ofSequence: 0)
    let tail = try engine.logits(Array(tokens[690...]), inStepsOf: 1)
    #expect(relativeError(tail, Array(reference[690...])) <= 1e-5)
  }

  @Test(arguments: [(DType.f16, 3e-3), (.bf16, 3e-2), (.q8_0, 3e-2)])
  func smallCache(dtype: DType, bound: Double) throws {
    let weights = try weights(Self.latent)
    let tokens = randomTokens(60, Self.latent, seed: 2)
    let reference = ReferenceModel(weights).logits(tokens)
    for step in [1, 60] {
      let engine = try TestEngine(weights, cache: dtype)
      let error = Self.usualError(try engine.logits(tokens, inStepsOf: step), reference)
      #expect(error <= bound && error > 1e-6, "steps of \(step)")
    }
  }

  @Test func cacheHoldsTheCompressedVector() throws {
    let need = KVCache.bytes(Self.latent, dtype: .f32, sequences: 2, capacity: 64)
    #expect(need == 2 * 2 * 64 * (96 + 32) * 4)
    #expect(Self.latent.cacheBytesPerToken(.f32) == Double(2 * (96 + 32) * 4))
  }

  /// Whatever a router says, experts are distinct and rows stay where they belong.
  @Test func routersThatSayNothing() throws {
    for value in [Float.nan, .infinity, 0] {
      let weights = try weights(Self.grouped)
      let router = try #require(weights.weights(.router, ofLayer: 0)?.linear)
      let values = UnsafeMutableRawPointer(mutating: router.parts[0].base)
        .assumingMemoryBound(to: Float.self)
      for i in 0..<router.parts[0].rows * 96 { values[i] = value }
      let engine = try TestEngine(weights, threads: 2)
      let logits = try engine.logits([(0, randomTokens(200, Self.grouped, seed: 1))])
      #expect(value != 0 || logits.joined().allSatisfy(\.isFinite))
    }
  }

  // MARK: Experts drawn by chance

  private func reads(_ exponent: Double, tokens: Int) throws -> Double {
    let engine = try TestEngine(try weights(Self.grouped), threads: 2).engine
    let steps = 60
    for step in 0..<steps {
      engine.cache.setLength(0, ofSequence: 0)
      let ids = randomTokens(tokens, Self.grouped, seed: UInt64(step))
      engine.routing = SyntheticRouting(
        Routing(exponent: exponent), Self.grouped, seed: UInt64(step))
      try engine.forward([.init(sequence: 0, tokens: ids)], logits: .none)
    }
    #expect(engine.expertReads.layers == 2 * steps)
    return Double(engine.expertReads.distinct) / Double(engine.expertReads.layers)
  }

  /// `E·(1 − (1 − k/E)^m)` distinct experts where tokens choose evenly; fewer, and as many as the
  /// formula says, where they do not.
  @Test(arguments: [0, 0.5, 1, 2] as [Double], [1, 4, 12])
  func distinctExperts(exponent: Double, tokens: Int) throws {
    let experts = try #require(Self.grouped.firstExperts)
    let routing = Routing(exponent: exponent)
    let expected = routing.distinct(tokens: tokens, of: experts)
    #expect(abs(try reads(exponent, tokens: tokens) - expected) <= 0.06 * expected)
    #expect(abs(routing.chances(experts).reduce(0, +) - 2) <= 1e-6)
    #expect(
      tokens == 1 || exponent == 0 || expected < Routing.even.distinct(tokens: tokens, of: experts))
  }

  /// Draws depend on the token's place alone: a batch's equal those of its sequences.
  @Test func drawsDoNotDependOnTheBatch() throws {
    let weights = try weights(Self.grouped)
    let prompts = [5, 30].map { randomTokens($0, Self.grouped, seed: UInt64($0)) }
    func logits(_ groups: [[Int]]) throws -> [[Float]] {
      let engine = try TestEngine(weights, sequences: 2, threads: 2)
      engine.engine.routing = SyntheticRouting(.even, Self.grouped, seed: 3)
      return try groups.flatMap { try engine.logits($0.map { ($0, prompts[$0]) }) }
    }
    #expect(relativeError(try logits([[0, 1]]), try logits([[0], [1]])) <= 1e-5)
  }
}
