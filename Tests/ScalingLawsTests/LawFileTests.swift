import Foundation
import Input
import ScalingLaws
import TestSupport
import Testing

@Suite struct LawFileTests {
  private func load(_ text: String) throws -> ScalingLaw {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("dyno-law-\(UUID().uuidString).json")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    return try ScalingLaw(contentsOf: file)
  }

  @Test func fittedLawsSurviveTheRoundTrip() throws {
    let truth = Synthetic.law("conditional-multiplicative")
    let table = Synthetic.table(truth, noise: 0.005, seed: 1)
    var reference = Synthetic.law("chinchilla")
    reference.uncertainty = LawUncertainty(
      residualStandardDeviation: 0.01, degreesOfFreedom: 100,
      covariance: (0..<5).map { row in (0..<5).map { $0 == row ? 1e-6 : 0 } })
    let law = try LawFit(
      truth.form, table, name: "fit", reference: .law(reference), source: "test"
    ).bootstrapped(.cases, count: 30).law
    let loaded = try load(law.fileText())
    #expect(loaded.parameters == law.parameters)
    #expect(loaded.domain == law.domain)
    #expect(loaded.uncertainty?.covariance == law.uncertainty?.covariance)
    #expect(loaded.uncertainty?.resamples == law.uncertainty?.resamples)
    let point = TrainingPoint(
      parameters: 1e9, normalizedHiddenSize: 0.07, mlpToAttentionRatio: 2)
    let predictions = try [law, loaded].map {
      try LossPredictor($0, parameters: 1e9, tokens: 1e11).predict(point)
    }
    #expect(predictions[0].value == predictions[1].value)
    #expect(predictions[0].confidence95 != nil && predictions[0].prediction95 != nil)
    #expect(predictions[0].confidence95 == predictions[1].confidence95)
    #expect(predictions[0].prediction95 == predictions[1].prediction95)
  }

  @Test func anchorsSurviveTheRoundTrip() throws {
    let law = try SharedData.shippedLaw("conditional-1b")
    let loaded = try load(law.fileText())
    guard case .anchors(let anchors, let scaling) = loaded.reference else {
      Issue.record("no anchors")
      return
    }
    #expect(anchors.map(\.loss) == [2.803, 2.625])
    #expect(anchors.map(\.architecture.hiddenSize) == [2048, 3072])
    #expect(scaling?.name == "chinchilla-besiroglu" && scaling?.uncertainty?.covariance != nil)
  }

  /// A law that carries anchors is one of N and D; one that names itself is not followed for ever.
  @Test(arguments: [
    (#"{"form": "conditional-1b"}"#, "not known"),
    (#"{"form": "conditional-additive"}"#, "N and D"),
    (#"{"parameters": {}}"#, "form missing"), ("7", "a law's name"),
    (#""../laws/chinchilla-besiroglu""#, "beside this file"), (#""no-such-law""#, "no-such-law"),
    (#""itself""#, "N and D"),
  ])
  func badScalingIsRefused(scaling: String, expected: String) throws {
    var text = try SharedData.shippedLaw("conditional-1b").fileText()
    let start = try #require(text.range(of: "\"scaling\" : {"))
    let end = try #require(text.range(of: "\"source\" : \"arXiv 2510"))
    // The reference's closing brace and what stands between it and the source.
    text.replaceSubrange(start.lowerBound..<end.lowerBound, with: "\"scaling\": \(scaling)},")
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("itself.json")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: InputError.self) { try ScalingLaw(contentsOf: file) }
      #expect(error?.description.contains("scaling") == true, "\(String(describing: error))")
      #expect(error?.description.contains(expected) == true, "\(String(describing: error))")
    }
  }

  private static let good = #"""
    {"format": "dyno-law", "version": 1, "form": "chinchilla",
     "parameters": {"E": 1.7, "A": 400, "B": 400, "alpha": 0.3, "beta": 0.3}}
    """#

  @Test(arguments: [
    (#""dyno-law""#, #""other""#, "format"),
    (#""version": 1"#, #""version": 2"#, "version: is 2"),
    (#""chinchilla""#, #""chinchila""#, "is not known"),
    (#""E": 1.7"#, #""E": -1"#, "parameters: E: is -1"),
    (#""E": 1.7"#, #""E": "x""#, "parameters: E: is \"x\""),
    (#""E": 1.7,"#, "", "parameters: E: is missing"),
    (#""E": 1.7"#, #""E": 1.7, "F": 2"#, "F: is no parameter"),
    (#"0.3}}"#, #"0.3}, "domain": {"size": [1, 2]}}"#, "domain: size"),
    (#"0.3}}"#, #"0.3}, "domain": {"tokens": [2, 1]}}"#, "domain: tokens"),
    (
      #"0.3}}"#, #"0.3}, "reference": {"law": {"form": "chinchilla"}}}"#,
      "reference: is given; expected none"
    ),
    (
      #"0.3}}"#, #"0.3}, "uncertainty": {"residual_standard_deviation": -1}}"#,
      "uncertainty: residual_standard_deviation: is -1"
    ),
    (
      #"0.3}}"#,
      #"0.3}, "uncertainty": {"residual_standard_deviation": 1, "covariance": [[1, 2]]}}"#,
      "uncertainty: covariance"
    ),
    (
      #"0.3}}"#,
      #"0.3}, "uncertainty": {"residual_standard_deviation": 1, "degrees_of_freedom": 0}}"#,
      "degrees_of_freedom: is 0"
    ),
  ])
  func badFilesAreRefusedByField(from: String, to: String, expected: String) throws {
    #expect(throws: Never.self) { try load(Self.good) }
    #expect(Self.good.contains(from))
    do {
      _ = try load(Self.good.replacingOccurrences(of: from, with: to))
      Issue.record("accepted \(to)")
    } catch { #expect("\(error)".contains(expected), "\(error)") }
  }
}
