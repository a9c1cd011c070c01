import Foundation
import TestSupport

/// What SciPy finds: `Tests/Fixtures/laws/make_fixtures.py`.
struct NumericsFixture: Decodable {
  struct StudentQuantile: Decodable {
    let probability: Double
    let degreesOfFreedom: Double
    let value: Double
  }
  struct NormalValue: Decodable {
    let x: Double
    let value: Double
  }
  struct Statistics: Decodable {
    let studentQuantiles: [StudentQuantile]
    let normal: [NormalValue]
    let first: [Double]
    let second: [Double]
    let ranks: [Double]
    let spearman: Double
  }
  struct Line: Decodable {
    let t: [Double]
    let y: [Double]
    let delta: Double
    let parameters: [Double]
    let objective: Double
  }
  let statistics: Statistics
  let line: Line

  static func load() throws -> NumericsFixture {
    let file = Files.fixtures.appendingPathComponent("laws/numerics.json")
    return try JSONDecoder().decode(NumericsFixture.self, from: Data(contentsOf: file))
  }
}
