import Foundation
import Quality
import TestSupport
import Testing

/// Against SciPy: `Tests/Fixtures/quality/make_fixtures.py`.
@Suite struct TokenScoreTests {
  private struct Scores: Decodable {
    let referenceLoss: [Double]
    let loss: [Double]
    let divergence: [Double]
    let relativeError: [Double]
    let agrees: [Bool]
    let p99: Double
  }

  private func logits(_ name: String) throws -> [[Float]] {
    try Files.npy(Files.fixtures.appendingPathComponent("gguf/\(name).logits.npy"))
  }

  private func scores(_ rows: [[Float]], following token: Int) -> [TokenScore] {
    let buffers = rows.map { row in
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: row.count)
      _ = buffer.initialize(from: row)
      return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    return TokenScore.ofRows(buffers.map { UnsafeBufferPointer($0) }, following: token)
  }

  @Test func agreesWithSciPy() throws {
    let expected = try QualityFixture.load(Scores.self, "scores")
    let tokens = try QualityFixture.tokens("llama-f32")
    let (reference, other) = (try logits("llama-f32"), try logits("llama-bf16"))
    var found: [TokenScore] = []
    for place in 0..<tokens.count - 1 {
      let own = scores([reference[place]], following: tokens[place + 1])
      #expect(abs(own[0].loss - expected.referenceLoss[place]) < 1e-12)
      let pair = scores([reference[place], other[place]], following: tokens[place + 1])
      #expect(pair[0].divergence == 0 && pair[0].relativeError == 0 && pair[0].agrees)
      #expect(abs(pair[1].loss - expected.loss[place]) < 1e-12)
      #expect(abs(pair[1].divergence - expected.divergence[place]) < 1e-12)
      #expect(abs(pair[1].relativeError - expected.relativeError[place]) < 1e-12)
      #expect(pair[1].agrees == expected.agrees[place])
      found.append(pair[1])
    }
    let statistics = QualityStatistics(
      found, reference: found, blocks: [0..<found.count], seed: 0)
    #expect(abs(statistics.distance.klP99 - expected.p99) < 1e-12)
    #expect(abs(statistics.distance.klMax - expected.divergence.max()!) < 1e-12)
  }

  /// Logits far apart, and far from 0: nothing overflows, and small divergences keep their digits.
  @Test func extremes() {
    let apart = scores([[1e4, -1e4, 0], [-1e4, 1e4, 0]], following: 1)
    #expect(apart[0].loss == 2e4 && apart[1].loss == 0)
    #expect(apart[1].divergence == 2e4 && !apart[1].agrees)
    let shifted = scores([[1000, 1001], [3000, 3001]], following: 0)
    #expect(shifted[1].divergence < 1e-15 && shifted[1].agrees)
    // p = q + δ at equal odds: the divergence is δ²/8 to first order.
    let close = scores([[0, 0], [0, 1e-4]], following: 0)
    #expect(abs(close[1].divergence / (1e-8 / 8) - 1) < 1e-4)
    // Of equal logits the first counts.
    #expect(scores([[2, 2, 1], [2, 1, 2]], following: 0)[1].agrees)
    #expect(!scores([[2, 2, 1], [1, 2, 1]], following: 0)[1].agrees)
    for bad in [Float.nan, .infinity, -.infinity] {
      #expect(!scores([[0, bad]], following: 0)[0].isFinite)
      #expect(!scores([[0, 1], [0, bad]], following: 0)[1].isFinite)
    }
  }

  /// The values are the paper's formula by hand: (8·4 − 2·ln 2/ln 2 − 24) / log₂ 2³⁰ = 6/30.
  @Test func informationCapacity() {
    let value = InformationCapacity.value(
      bytesPerToken: 4, loss: 2 * log(2), flopsPerToken: 0x1p30)
    #expect(abs(value - 0.2) < 1e-14)
  }

  @Test func agreementThatIsCertainHasAnIntervalToo() throws {
    let score = TokenScore(loss: 1, divergence: 0, relativeError: 0, agrees: true)
    let statistics = QualityStatistics(
      Array(repeating: score, count: 40), reference: Array(repeating: score, count: 40),
      blocks: (0..<10).map { 4 * $0..<4 * $0 + 4 }, seed: 0)
    let interval = try #require(statistics.distance.top1Agreement.interval95)
    // scipy.stats.binomtest(40, 40).proportion_ci().low
    #expect(abs(interval[0] - 0.9119027) < 1e-6 && interval[1] == 1)
    #expect(statistics.perplexity.value == exp(1))
    #expect(statistics.perplexity.interval95 == [exp(1), exp(1)])
  }
}

enum QualityFixture {
  static func load<Value: Decodable>(_: Value.Type, _ key: String) throws -> Value {
    let file = Files.fixtures.appendingPathComponent("quality/expected.json")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let part = try JSONSerialization.data(withJSONObject: try #require(object[key]))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: part)
  }

  /// What a model in `Tests/Fixtures/gguf` was given.
  static func tokens(_ name: String) throws -> [Int] {
    struct Expected: Decodable { let tokens: [[Int]] }
    let file = Files.fixtures.appendingPathComponent("gguf/\(name).json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file)).tokens[0]
  }
}
