import Engine
import Formats
import Input
import Machine
import Model
import TestSupport
import Testing
import Weights

/// Results do not depend on how work is cut: prompts into steps, sequences into batches, steps into
/// threads.
@Suite struct InvarianceTests {
  static let bound = 1e-5

  /// Sums of another order may round an activation to bf16 the other way, by 2⁻⁸ of it.
  private static func bound(_ dtype: DType, _ kernels: KernelTable) -> Double {
    kernels.activations(for: dtype) == .bf16 ? 1e-2 : bound
  }

  @Test(arguments: [1, 2, 3] as [UInt64], [DType.f32, .bf16])
  func promptInOneGoEqualsTokenByToken(seed: UInt64, dtype: DType) throws {
    let kernels = try KernelTable.selected()
    let architecture = try randomArchitecture(seed: seed).validated()
    let weights = try ModelWeights.lively(architecture, dtype: dtype, seed: seed, kernels: kernels)
    let tokens = randomTokens(150, architecture, seed: seed)
    let whole = try TestEngine(weights).logits(tokens, inStepsOf: 150)
    for size in [1, 7, 97] {
      let cut = try TestEngine(weights).logits(tokens, inStepsOf: size)
      #expect(relativeError(cut, whole) <= Self.bound(dtype, kernels), "steps of \(size)")
    }
  }

  @Test(arguments: [4, 5] as [UInt64], [DType.f32, .bf16])
  func batchEqualsSingle(seed: UInt64, dtype: DType) throws {
    let kernels = try KernelTable.selected()
    let architecture = try randomArchitecture(seed: seed).validated()
    let weights = try ModelWeights.lively(architecture, dtype: dtype, seed: seed, kernels: kernels)
    let lengths = [3, 60, 1, 17, 111]
    let prompts = lengths.enumerated().map {
      randomTokens($0.element, architecture, seed: UInt64($0.offset))
    }
    let batch = try TestEngine(weights, sequences: lengths.count, threads: 2)
    // Prompts of different lengths at once, then one more token for each at once.
    let next = randomTokens(lengths.count, architecture, seed: 99)
    let first = try batch.logits(prompts.enumerated().map { ($0.offset, $0.element) })
    let second = try batch.logits(next.enumerated().map { ($0.offset, [$0.element]) })
    var row = 0
    for (index, prompt) in prompts.enumerated() {
      let single = try TestEngine(weights)
      let alone = try single.logits([(0, prompt)])
      let bound = Self.bound(dtype, kernels)
      #expect(relativeError(Array(first[row..<row + prompt.count]), alone) <= bound)
      let then = try single.logits([(0, [next[index]])])
      #expect(relativeError([second[index]], then) <= bound)
      row += prompt.count
    }
  }

  /// Long contexts are split over positions: their partial softmaxes must merge to the whole.
  @Test(arguments: [6, 7] as [UInt64])
  func longContextsEqualTheReference(seed: UInt64) throws {
    var architecture = randomArchitecture(seed: seed)
    architecture.layers.resize(to: 1)
    architecture.slidingWindow = seed == 7 ? 1100 : nil
    architecture.learnedPositions = 0
    let kernels = try KernelTable.selected()
    let weights = try ModelWeights.lively(architecture, seed: seed, kernels: kernels)
    let tokens = randomTokens(1300, architecture, seed: seed)
    let reference = ReferenceModel(weights).logits(tokens)
    let engine = try TestEngine(weights, capacity: 1300, maxTokens: 1300, threads: 2)
    #expect(relativeError(try engine.logits([(0, tokens)]), reference) <= Self.bound)
    engine.engine.cache.setLength(1290, ofSequence: 0)
    let tail = try engine.logits(Array(tokens[1290...]), inStepsOf: 1)
    #expect(relativeError(tail, Array(reference[1290...])) <= Self.bound)
  }

  @Test(arguments: [8, 9] as [UInt64], [DType.f32, .bf16, .q4_0])
  func oneThreadEqualsTwo(seed: UInt64, dtype: DType) throws {
    let kernels = try KernelTable.selected()
    var architecture = randomArchitecture(seed: seed)
    architecture.headDimension = 32
    let weights = try ModelWeights.lively(architecture, dtype: dtype, seed: seed, kernels: kernels)
    let tokens = randomTokens(700, architecture, seed: seed)
    func run(_ threads: Int) throws -> [[Float]] {
      let engine = try TestEngine(weights, maxTokens: 690, threads: threads)
      return try engine.logits(tokens, inStepsOf: 690)
    }
    #expect(relativeError(try run(2), try run(1)) <= Self.bound)
  }

  @Test func lastLogitsAreThoseOfAllPositions() throws {
    let architecture = try randomArchitecture(seed: 10).validated()
    let weights = try ModelWeights.lively(
      architecture, seed: 10, kernels: try KernelTable.selected())
    let tokens = randomTokens(20, architecture, seed: 10)
    let all = try TestEngine(weights).logits([(0, tokens)])
    let engine = try TestEngine(weights).engine
    let last = try engine.forward([.init(sequence: 0, tokens: tokens)], logits: .last)
    #expect(last.count == 1)
    #expect(relativeError([Array(last[0])], [all[19]]) <= Self.bound)
    #expect(try engine.forward([.init(sequence: 0, tokens: [1])], logits: .none).count == 0)
  }

  @Test func refusedStepsChangeNothing() throws {
    let architecture = try randomArchitecture(seed: 12).validated()
    let weights = try ModelWeights.lively(
      architecture, seed: 12, kernels: try KernelTable.selected())
    let engine = try TestEngine(weights, capacity: 8, maxTokens: 6).engine
    let outside = architecture.vocabularySize
    for tokens in [[outside], [-1], Array(repeating: 1, count: 7), []] {
      #expect(throws: InputError.self) {
        try engine.forward([.init(sequence: 0, tokens: tokens)])
      }
    }
    try engine.forward([.init(sequence: 0, tokens: [1, 2, 3, 4, 5])])
    #expect(throws: InputError.self) {
      try engine.forward([.init(sequence: 0, tokens: [1, 2, 3, 4])])
    }
    #expect(engine.cache.lengths == [5])
  }

  /// A rotation that depends on the prompt's length turns all its parts alike.
  @Test func promptInPartsTurnsAsAWhole() throws {
    var architecture = randomLlama(seed: 4)
    architecture.rotaries = [
      RotaryEmbedding(theta: 10_000, scaling: .dynamic(factor: 4, originalMaxPositions: 16))
    ]
    let kernels = try KernelTable.selected()
    let weights = try ModelWeights.lively(architecture, seed: 4, kernels: kernels)
    let tokens = randomTokens(60, architecture, seed: 4)
    let whole = try TestEngine(weights).logits([(0, tokens)])
    func inParts(promptLength: Int) throws -> [[Float]] {
      let engine = try TestEngine(weights).engine
      return try [0..<20, 20..<60].flatMap { part in
        let input = Engine.Input(
          sequence: 0, tokens: Array(tokens[part]), promptLength: promptLength)
        let logits = try engine.forward([input], logits: .all)
        return (0..<logits.count).map { Array(logits[$0]) }
      }
    }
    #expect(relativeError(try inParts(promptLength: 60), whole) <= Self.bound)
    #expect(relativeError(try inParts(promptLength: 0), whole) > 1e-3, "the length plays no part")
  }

  /// Positions that have embeddings of their own end with their table.
  @Test func positionsBeyondTheirEmbeddings() throws {
    var architecture = randomLlama(seed: 2)
    architecture.learnedPositions = 20
    let kernels = try KernelTable.selected()
    let weights = try ModelWeights.lively(architecture, seed: 2, kernels: kernels)
    let engine = try TestEngine(weights, capacity: 64)
    #expect(throws: InputError.self) {
      try engine.logits([(0, randomTokens(21, architecture, seed: 1))])
    }
    #expect(try engine.logits([(0, randomTokens(20, architecture, seed: 1))]).count == 20)
    #expect(throws: InputError.self) { try engine.logits([(0, [1])]) }
  }

  @Test func traceHoldsEveryOperatorOfTheList() throws {
    let architecture = try randomArchitecture(seed: 13).validated()
    let weights = try ModelWeights.lively(
      architecture, seed: 13, kernels: try KernelTable.selected())
    let engine = try TestEngine(weights).engine
    let trace = OperatorTrace(
      architecture, weights: try WeightStorage(.f32, architecture), cache: .f32)
    engine.trace = trace
    try engine.forward([.init(sequence: 0, tokens: [1, 2, 3])])
    try engine.forward([.init(sequence: 0, tokens: [4])])
    engine.trace = nil
    try engine.forward([.init(sequence: 0, tokens: [5])])
    let expected = [(0, 3), (3, 1)].flatMap { cached, new in
      architecture.operators(
        of: Step(batch: 1, cached: cached, new: new), weights: .f32, cache: .f32)
    }
    #expect(trace.events.map(\.operation) == expected)
    #expect(trace.events.allSatisfy { $0.durationNanoseconds >= 0 })
  }
}
