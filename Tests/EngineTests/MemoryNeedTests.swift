import Engine
import Input
import Model
import TestSupport
import Testing
import Weights

@Suite struct MemoryNeedTests {
  private func need(sequences: Int) throws -> MemoryNeed {
    let a = Architecture(
      name: "one-billion", hiddenSize: 2048, intermediateSize: 8192, layers: 16, queryHeads: 32,
      keyValueHeads: 8, headDimension: 64, vocabularySize: 128_256)
    return try MemoryNeed(
      a, weights: try a.weightBytes(.bf16), cache: .f16, sequences: sequences, capacity: 4096,
      maxTokens: 512, maxLogits: sequences, threads: 2)
  }

  @Test func countsWeightsAndCache() throws {
    let need = try need(sequences: 2)
    #expect(need.weights == 2 * (16 * 60_817_408 + 128_256 * 2048) + 4 * 33 * 2048)
    #expect(need.cache == 2 * 4096 * 32_768)
  }

  /// Contexts are split into parts of 512 positions or so (196 of 100,000), each with a maximum, a
  /// sum and an output for every query row.
  @Test func countsPartialResultsOfAttention() throws {
    let wide = Architecture(
      name: "wide", hiddenSize: 64, intermediateSize: 64, layers: 1, queryHeads: 16_384,
      keyValueHeads: 1, headDimension: 32, vocabularySize: 96)
    func activations(capacity: Int, sequences: Int) throws -> Int {
      try MemoryNeed(
        wide, weights: 0, cache: .f16, sequences: sequences, capacity: capacity, maxTokens: 4,
        maxLogits: 1, threads: 1
      ).activations
    }
    for sequences in [1, 2] {
      let difference =
        try activations(capacity: 100_000, sequences: sequences)
        - activations(capacity: 500, sequences: sequences)
      #expect(difference == sequences * 196 * 16_384 * 34 * 4)
    }
  }

  @Test func refusesWithBothNumbers() throws {
    let need = try need(sequences: 1000)
    let error = #expect(throws: InputError.self) {
      try need.check("one-billion", available: 4 << 30)
    }
    let text = try #require(error).description
    #expect(text.contains("needs 12") && text.contains("available 4.0 GiB"), "\(text)")
    try need.check("one-billion", available: 1 << 40)
  }
}
