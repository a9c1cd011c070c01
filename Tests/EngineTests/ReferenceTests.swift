import Architectures
import Engine
import Host
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

  /// Weights of other types: against the same values in f32, only the order of rounding differs.
  @Test(arguments: DType.allCases.filter { $0 != .f32 }, [1, 5, 120])
  func otherTypesEqualTheirExpansion(dtype: DType, step: Int) throws {
    let kernels = try KernelTable.selected()
    let architecture = Architecture(
      name: "blocks", hiddenSize: 96, intermediateSize: 160, layers: 2, queryHeads: 4,
      keyValueHeads: 2, headDimension: 32, vocabularySize: 70, qkvBias: true)
    let weights = try ModelWeights.lively(architecture, dtype: dtype, seed: 9, kernels: kernels)
    let team = try ThreadTeam(count: 2, pinned: false, topology: Topology())
    let expanded = try weights.converted(to: .f32, team: team, kernels: kernels)
    let tokens = randomTokens(120, architecture, seed: 1)
    let actual = try TestEngine(weights, threads: 2).logits(tokens, inStepsOf: step)
    let reference = try TestEngine(expanded).logits(tokens, inStepsOf: step)
    #expect(relativeError(actual, reference) <= 1e-5)
  }

  /// The cache in half precision costs its own rounding, and no more.
  @Test(arguments: [(DType.f16, 3e-3), (.bf16, 3e-2)])
  func halfPrecisionCache(dtype: DType, bound: Double) throws {
    let kernels = try KernelTable.selected()
    let architecture = try randomArchitecture(seed: 11).validated()
    let weights = try ModelWeights.lively(architecture, seed: 11, kernels: kernels)
    let tokens = randomTokens(60, architecture, seed: 2)
    let error = relativeError(
      try TestEngine(weights, cache: dtype).logits([(0, tokens)]),
      ReferenceModel(weights).logits(tokens))
    #expect(error <= bound)
    #expect(error > 1e-6, "the cache is not in \(dtype) at all")
  }
}
