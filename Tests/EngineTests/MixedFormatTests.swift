import Engine
import Formats
import Machine
import Model
import TestSupport
import Testing
import Weights

/// Weights of every format and mix, made and converted, against the same values in f32.
@Suite struct MixedFormatTests {
  private let architecture = Architecture(
    name: "wide", hiddenSize: 256, intermediateSize: 512, layers: 8, queryHeads: 8,
    keyValueHeads: 2, headDimension: 32, vocabularySize: 70, tiedEmbeddings: false)

  /// Packed weights may be multiplied with quantised activations, whose errors eight layers add up;
  /// those in rows never.
  @Test(arguments: WeightFormat.allCases, [(false, 1e-5), (true, 0.2)])
  func equalsItsExpansion(format: WeightFormat, layout: (packed: Bool, bound: Double)) throws {
    let kernels = try KernelTable.selected()
    let team = try ThreadTeam(count: 2, pinned: false, topology: Topology())
    let weights = try ModelWeights.lively(architecture, seed: 4, kernels: kernels)
      .converted(to: format, packed: layout.packed, team: team, kernels: kernels)
    #expect(weights.storage == (try WeightStorage(format, architecture)))
    #expect(weights.storage.format(of: architecture) == format)
    let norms = 4 * architecture.parameters.exact
    #expect(try weights.matrixBytes == architecture.weightBytes(format) - norms)
    let tokens = randomTokens(12, architecture, seed: 1)
    let actual = try TestEngine(weights, threads: 2).logits(tokens, inStepsOf: 12)
    let expanded = try weights.converted(to: .f32, team: team, kernels: kernels)
    #expect(
      relativeError(actual, try TestEngine(expanded).logits(tokens, inStepsOf: 12)) <= layout.bound)
  }

  @Test(arguments: WeightFormat.mixes)
  func randomMixes(format: WeightFormat) throws {
    let kernels = try KernelTable.selected()
    let team = try ThreadTeam(count: 2, pinned: false, topology: Topology())
    let weights = try ModelWeights.random(
      architecture, dtype: format, packed: true, seed: 4, team: team, kernels: kernels)
    #expect(weights.storage == (try WeightStorage(format, architecture)))
    let logits = try TestEngine(weights, threads: 2).logits([1, 2, 3], inStepsOf: 1)
    #expect(logits.joined().allSatisfy { $0.isFinite })
  }
}
