import Foundation
import ScalingLaws
import TestSupport
import Testing

/// Published measurements that the repository does not hold: `$DYNO_DATA`, else `../shared/data`.
enum SharedData {
  private static let folder: URL =
    ProcessInfo.processInfo.environment["DYNO_DATA"].map { URL(fileURLWithPath: $0) }
    ?? Files.root.deletingLastPathComponent().appendingPathComponent("shared/data")

  static var isPresent: Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("scaling").path)
  }

  static let absence: Comment = "needs the published data in ../shared/data or $DYNO_DATA"

  static func table(_ name: String) throws -> TrainingTable {
    try TrainingTable(contentsOf: folder.appendingPathComponent("scaling/" + name))
  }

  static func shippedLaw(_ name: String) throws -> ScalingLaw {
    try ScalingLaw(contentsOf: Files.root.appendingPathComponent("profiles/laws/\(name).json"))
  }
}

/// What SciPy finds: `Tests/Fixtures/laws/make_fixtures.py`.
struct LawsFixture: Decodable {
  struct Evaluation: Decodable {
    let law: String
    let architecture: String
    let ratio: Double?
    let loss: Double
  }
  struct AspectRatioFit: Decodable {
    let start: [Double]
    let parameters: [Double]
    let standardErrors: [Double]
    let meanSquaredError: Double
  }
  struct ConditionalFit: Decodable {
    let x: [Double]
    let r: [Double]
    let reference: [Double]
    let loss: [Double]
    let parameters: [Double]
    let covariance: [[Double]]
  }
  let evaluations: [Evaluation]
  let aspectRatio: AspectRatioFit
  let conditional: ConditionalFit

  static func load() throws -> LawsFixture {
    let file = Files.fixtures.appendingPathComponent("laws/laws.json")
    return try JSONDecoder().decode(LawsFixture.self, from: Data(contentsOf: file))
  }
}
