import Model
import TestSupport
import Testing

/// FLOPs and bytes against the design's formulas, written out.
@Suite struct StepOperatorsTests {
  static let a = Architecture(
    name: "counted", hiddenSize: 96, intermediateSize: 256, layers: 3, queryHeads: 6,
    keyValueHeads: 2, headDimension: 24, vocabularySize: 500)

  @Test(arguments: [(1, 0, 1), (1, 100, 1), (4, 0, 17), (3, 50, 5)])
  func totals(batch: Int, cached: Int, new: Int) {
    let a = Self.a
    let step = Step(batch: batch, cached: cached, new: new)
    let operators = a.operators(of: step, weights: .bf16, cache: .f16)
    let tokens = Double(batch * new)
    let pairs = (1...new).reduce(0) { $0 + cached + $1 }
    let flops =
      tokens * 2 * Double(a.parameters.nonEmbedding)
      + Double(a.layers.count * 4 * batch * 6 * 24 * pairs) + Double(2 * batch * 500 * 96)
    #expect(operators.reduce(0) { $0 + $1.flops } == flops)
    let matrices = operators.filter {
      if case .gemm = $0.shape { true } else { false }
    }
    #expect(
      matrices.reduce(0) { $0 + $1.weightBytes } == Double(2 * (a.parameters.nonEmbedding + 48_000))
    )
    #expect(
      operators.reduce(0) { $0 + $1.cacheReadBytes }
        == Double(a.layers.count * 2 * batch * 2 * 24 * (cached + new) * 2))
    #expect(
      operators.reduce(0) { $0 + $1.cacheWriteBytes }
        == Double(a.layers.count * 2 * batch * 2 * 24 * new * 2))
  }

  @Test func noLogitsNoHead() {
    let operators = Self.a.operators(
      of: Step(batch: 1, cached: 0, new: 9, logits: .none), weights: .f32, cache: .f32)
    #expect(!operators.contains { $0.kind == .head || $0.kind == .finalNorm })
    let all = Self.a.operators(
      of: Step(batch: 2, cached: 0, new: 9, logits: .all), weights: .f32, cache: .f32)
    #expect(all.last?.shape == .gemm(m: 18, n: 500, k: 96))
  }

  /// The closed form against the sum it stands for.
  @Test(arguments: [1, 2, 7, 16, 100])
  func pairsUnderAWindow(window: Int) {
    for cached in [0, 1, 5, 15, 16, 17, 200] {
      for new in [1, 2, 15, 16, 40] {
        let sequence = Step.Sequence(cached: cached, new: new)
        let sum = (1...new).reduce(0) { $0 + min(cached + $1, window) }
        #expect(sequence.visiblePairs(window: window) == sum)
        let seen = (1...new).map { max(0, cached + $0 - window)..<(cached + $0) }
        #expect(
          sequence.visiblePositions(window: window) == seen.last!.upperBound - seen[0].lowerBound)
        #expect(
          sequence.visiblePairs(window: nil) == (1...new).reduce(0) { $0 + cached + $1 })
      }
    }
  }
}
