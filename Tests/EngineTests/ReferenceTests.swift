import Engine
import Formats
import Input
import Machine
import Model
import TestSupport
import Testing
import Weights

/// The engine against the float64 reference.
@Suite struct ReferenceTests {
  @Test(arguments: 0..<40 as Range<UInt64>)
  func agreesInF32(seed: UInt64) throws {
    let architecture = try randomArchitecture(seed: seed).validated()
    let kernels = try KernelTable.selected()
    let weights = try ModelWeights.lively(architecture, seed: seed, kernels: kernels)
    let tokens = randomTokens(40, architecture, seed: seed)
    let reference = ReferenceModel(weights).logits(tokens)
    let engine = try TestEngine(weights, threads: 2)
    #expect(relativeError(try engine.logits([(0, tokens)]), reference) <= 1e-5)
  }

  @Test(arguments: KernelTable.available.indices)
  func agreesOnEachInstructionSet(index: Int) throws {
    let kernels = KernelTable.available[index]
    let architecture = try randomArchitecture(seed: 3).validated()
    let weights = try ModelWeights.lively(architecture, seed: 3, kernels: kernels)
    let tokens = randomTokens(120, architecture, seed: 3)
    let engine = try TestEngine(weights, kernels: kernels)
    let error = relativeError(
      try engine.logits([(0, tokens)]), ReferenceModel(weights).logits(tokens))
    #expect(error <= 1e-5, "\(kernels.name)")
  }

  /// In rows, whatever the type: against the same values in f32, only the order of rounding differs.
  @Test(arguments: DType.allCases.filter { $0 != .f32 }, [1, 5, 120])
  func rowsEqualTheirExpansion(dtype: DType, step: Int) throws {
    #expect(try errorOfType(dtype, packed: false, step: step) <= 1e-5)
  }

  /// Packed, block formats are multiplied with bytes, and bf16 with bf16 where the kernels do so.
  @Test(
    arguments: [(DType.bf16, 3e-2), (.f16, 1e-5), (.q8_0, 6e-2), (.q4_0, 6e-2), (.q4_1, 6e-2)],
    [1, 5, 120])
  func packedEqualTheirExpansion(type: (dtype: DType, bound: Double), step: Int) throws {
    let error = try errorOfType(type.dtype, packed: true, step: step)
    let isExact = try KernelTable.selected().activations(for: type.dtype) == .f32
    #expect(error <= (isExact ? 1e-5 : type.bound))
    #expect(isExact || error > type.bound / 1000, "nothing is rounded")
  }

  /// Files mix types: gate, up and down of a layer each in its own, in chunks of columns.
  @Test(
    arguments: [
      [DType.q4_0, .q4_1, .q8_0], [.q8_0, .q8_0, .q4_0], [.bf16, .q8_0, .q4_1],
      [.f16, .f16, .q8_0],
      [.q4_0, .q4_0, .bf16],
    ], [1, 40])
  func mixedTypes(types: [DType], step: Int) throws {
    let kernels = try KernelTable.selected()
    let architecture = Architecture(
      name: "mixed", hiddenSize: 96, intermediateSize: 1056, layers: 2, queryHeads: 4,
      keyValueHeads: 2, headDimension: 32, vocabularySize: 70, qkvBias: true)
    func weights(_ dtype: DType) throws -> ModelWeights {
      try .lively(architecture, dtype: dtype, packed: true, seed: 9, kernels: kernels)
    }
    let parts = try types.map(weights)
    var mixed = parts[0]
    for index in mixed.layers.indices {
      func linear(_ part: Int, _ place: Int) -> Linear { parts[part].layers[index][place].linear! }
      let operators = mixed.program.layers[index]
      let gateUp = operators.firstIndex { $0.kind == .gateUpProjection }!
      let down = operators.firstIndex { $0.kind == .downProjection }!
      mixed.layers[index][gateUp].linear = Linear([
        linear(0, gateUp).parts[0], linear(1, gateUp).parts[1],
      ])
      mixed.layers[index][down].linear = linear(2, down)
    }
    let team = try ThreadTeam(count: 2, pinned: false, topology: Topology())
    let expanded = try mixed.converted(to: .f32, team: team, kernels: kernels)
    let tokens = randomTokens(40, architecture, seed: 1)
    let error = relativeError(
      try TestEngine(mixed, threads: 2).logits(tokens, inStepsOf: step),
      try TestEngine(expanded).logits(tokens, inStepsOf: step))
    #expect(error <= 3e-2, "\(types)")
  }

  @Test func cacheOfBlocksWantsWholeHeads() throws {
    let kernels = try KernelTable.selected()
    var architecture = randomArchitecture(seed: 11)
    architecture.headDimension = 16
    let weights = try ModelWeights.lively(architecture, seed: 11, kernels: kernels)
    #expect(throws: InputError.self) { try TestEngine(weights, cache: .q8_0) }
  }

  private func errorOfType(_ dtype: DType, packed: Bool, step: Int) throws -> Double {
    let kernels = try KernelTable.selected()
    let architecture = Architecture(
      name: "blocks", hiddenSize: 96, intermediateSize: 160, layers: 2, queryHeads: 4,
      keyValueHeads: 2, headDimension: 32, vocabularySize: 70, qkvBias: true)
    let weights = try ModelWeights.lively(
      architecture, dtype: dtype, packed: packed, seed: 9, kernels: kernels)
    let team = try ThreadTeam(count: 2, pinned: false, topology: Topology())
    let expanded = try weights.converted(to: .f32, team: team, kernels: kernels)
    let tokens = randomTokens(120, architecture, seed: 1)
    let actual = try TestEngine(weights, threads: 2).logits(tokens, inStepsOf: step)
    let reference = try TestEngine(expanded).logits(tokens, inStepsOf: step)
    return relativeError(actual, reference)
  }

  /// A smaller cache costs its own rounding, and no more.
  @Test(arguments: [(DType.f16, 3e-3), (.bf16, 3e-2), (.q8_0, 3e-2)])
  func smallCache(dtype: DType, bound: Double) throws {
    let kernels = try KernelTable.selected()
    let architecture = randomArchitecture(seed: 11).withHeadsOfBlocks
    let weights = try ModelWeights.lively(architecture, seed: 11, kernels: kernels)
    let tokens = randomTokens(60, architecture, seed: 2)
    let error = relativeError(
      try TestEngine(weights, cache: dtype).logits([(0, tokens)]),
      ReferenceModel(weights).logits(tokens))
    #expect(error <= bound)
    #expect(error > 1e-6, "the cache is not in \(dtype) at all")
  }
}
