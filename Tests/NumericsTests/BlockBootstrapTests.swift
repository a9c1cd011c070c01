import Foundation
import Numerics
import TestSupport
import Testing

/// Against NumPy: `Tests/Fixtures/quality/make_fixtures.py`.
@Suite struct BlockBootstrapTests {
  private struct Blocks: Decodable {
    let sizes: [Int]
    let sums: [Double]
    let mean: Double
    let standardError: Double
    let linearisedError: Double
    let interval: [Double]
    let errorOfIndependentValues: Double

    static func load() throws -> Blocks {
      struct Fixture: Decodable { let blocks: Blocks }
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let file = Files.fixtures.appendingPathComponent("quality/expected.json")
      return try decoder.decode(Fixture.self, from: Data(contentsOf: file)).blocks
    }
  }

  @Test func agreesWithNumPy() throws {
    let expected = try Blocks.load()
    let bootstrap = BlockBootstrap(blockSizes: expected.sizes, seed: 1)
    let mean = bootstrap.means([expected.sums])[0]
    #expect(abs(mean.value - expected.mean) < 1e-12)
    let error = try #require(mean.standardError)
    // 2000 draws know a standard error to 1.6%.
    #expect(abs(error / expected.standardError - 1) < 0.06)
    #expect(abs(error / expected.linearisedError - 1) < 0.08)
    // Blocks whose values resemble each other tell less than as many independent values.
    #expect(error > 1.5 * expected.errorOfIndependentValues)
    // And an end of the interval to 0.06 standard errors.
    let interval = try #require(mean.interval95)
    #expect(abs(interval.lowerBound - expected.interval[0]) < 0.25 * error)
    #expect(abs(interval.upperBound - expected.interval[1]) < 0.25 * error)
    #expect(bootstrap.means([expected.sums])[0] == mean)
    #expect(BlockBootstrap(blockSizes: expected.sizes, seed: 2).means([expected.sums])[0] != mean)
  }

  /// The same draws for all: a constant difference has no scatter, however large that of both is.
  @Test func statisticsSeeTheSameDraws() throws {
    let sizes = (0..<20).map { 3 + $0 % 4 }
    let first = sizes.enumerated().map { Double($0.offset * $0.offset) }
    let second = zip(first, sizes).map { $0 + 0.25 * Double($1) }
    let means = BlockBootstrap(blockSizes: sizes, seed: 0).means([
      first, second, zip(first, second).map { $1 - $0 },
    ])
    #expect(try #require(means[0].standardError) > 1)
    #expect(try #require(means[2].standardError) < 1e-12)
    #expect(abs(means[2].value - 0.25) < 1e-12)
  }

  @Test func fewBlocksGiveNoInterval() {
    let mean = BlockBootstrap(blockSizes: [2, 2, 4], seed: 0).means([[2, 4, 10]])[0]
    #expect(mean.value == 2 && mean.standardError == nil && mean.interval95 == nil)
  }
}
