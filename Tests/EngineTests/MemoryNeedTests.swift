import Architectures
import Engine
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
