import Formats
import Foundation
import Input
import Machine
import Model
import TestSupport
import Testing
import Weights

@Suite struct RandomWeightsTests {
  private func make(_ dtype: DType, seed: UInt64, threads: Int) throws -> ModelWeights {
    // Rows of whole blocks.
    let architecture =
      dtype.blockElements > 32
      ? Architecture(
        name: "wide", hiddenSize: 256, intermediateSize: 512, layers: 2, queryHeads: 4,
        keyValueHeads: 2, headDimension: 64, vocabularySize: 70, tiedEmbeddings: false)
      : randomArchitecture(seed: 1).withHeadsOfBlocks
    let team = try ThreadTeam(count: threads, pinned: false, topology: Topology())
    return try ModelWeights.random(
      architecture, dtype: WeightFormat(dtype), seed: seed, team: team,
      kernels: KernelTable.selected())
  }

  private func bytes(_ weights: ModelWeights) -> [Data] {
    weights.matrices.map { Data(bytes: $0.base, count: $0.bytes) }
  }

  @Test(arguments: DType.allCases)
  func dependOnTheSeedAlone(dtype: DType) throws {
    let one = bytes(try make(dtype, seed: 7, threads: 1))
    #expect(one == bytes(try make(dtype, seed: 7, threads: 2)))
    #expect(one != bytes(try make(dtype, seed: 8, threads: 1)))
    #expect(Set(one).count == one.count, "two matrices are the same")
  }

  /// Mean 0 and deviation 0.02, whatever the storage.
  @Test(arguments: DType.allCases)
  func distribution(dtype: DType) throws {
    let kernels = try KernelTable.selected()
    let team = try ThreadTeam(count: 1, pinned: false, topology: Topology())
    let weights = try make(dtype, seed: 3, threads: 1).converted(
      to: .f32, team: team, kernels: kernels)
    var values: [Float] = []
    for matrix in weights.matrices {
      let base = matrix.base.assumingMemoryBound(to: Float.self)
      values += UnsafeBufferPointer(start: base, count: matrix.rows * matrix.columns)
    }
    let count = Double(values.count)
    let mean = values.reduce(0.0) { $0 + Double($1) } / count
    let deviation = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / count).squareRoot()
    // Levels from -8 to 7, or of IQ4's table, are not centred.
    let isCentred = ![DType.q4_0, .q5_0, .q3_k, .q6_k, .iq4_nl, .iq4_xs].contains(dtype)
    #expect(abs(mean) < (isCentred ? 0.0005 : 0.005))
    #expect(abs(deviation - 0.02) < 0.001)
  }

  @Test func partialBlocksAreRefused() throws {
    let architecture = Architecture(
      name: "odd", hiddenSize: 48, intermediateSize: 64, layers: 1, queryHeads: 2,
      keyValueHeads: 1, headDimension: 16, vocabularySize: 10)
    let team = try ThreadTeam(count: 1, pinned: false, topology: Topology())
    let error = #expect(throws: InputError.self) {
      try ModelWeights.random(
        architecture, dtype: .q8_0, seed: 0, team: team, kernels: KernelTable.selected())
    }
    #expect(
      error?.description
        == "odd: hidden_size: 48 does not fill blocks of q8_0; expected a multiple of 32")
  }
}
