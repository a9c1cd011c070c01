import Foundation
import Numerics
import ScalingLaws
import Testing

@Suite struct FormTests {
  private static let parameters: [String: [Double]] = [
    "chinchilla": [1.7, 400, 410, 0.34, 0.28],
    "conditional-multiplicative": [2.697, 0.0974, 0.0078, 0.387, 0.0063, 0.0065],
    "conditional-additive": [0.1, 0.1, 0.008, 0.05, 0.05],
    "conditional-joint": [2.697, 0.0974, 0.0078, 0.387, 0.0063, 0.0065, 0.01],
    "aspect-ratio": [2.5, 1e5, 1e6, 0.65, 0.001],
    "experts-joint": [
      35.91, -0.1889, -0.2285, 0.0098, 35.98, -0.1775, 0.5529, -0.0259, 1.3637, 2.0732, 290.4521,
    ],
  ]

  private let point = {
    var point = TrainingPoint(
      parameters: 3e8, tokens: 2e10, normalizedHiddenSize: 0.07, mlpToAttentionRatio: 2.5,
      aspectRatio: 90, reference: 2.9)
    point.experts = 8
    point.embeddings = 1e8
    return point
  }()

  @Test func derivativesAgreeWithDifferences() throws {
    #expect(LawForms.all.count == Self.parameters.count)
    for form in LawForms.all {
      let parameters = try #require(Self.parameters[form.name])
      var gradient = parameters
      var scratch = parameters
      _ = form.loss(parameters, point, &gradient)
      for index in parameters.indices {
        let step = 1e-5 * max(abs(parameters[index]), 1e-3)
        var (above, below) = (parameters, parameters)
        above[index] += step
        below[index] -= step
        let difference =
          (form.loss(above, point, &scratch) - form.loss(below, point, &scratch)) / (2 * step)
        #expect(
          abs(gradient[index] - difference) <= 1e-6 * max(abs(difference), 1e-3),
          "\(form.name), \(form.parameters[index].name)")
      }
    }
  }

  @Test func derivativesOfTheOptimumAgreeWithDifferences() throws {
    for form in LawForms.all {
      let parameters = try #require(Self.parameters[form.name])
      guard let optimum = try form.optimum(parameters) else { continue }
      for index in parameters.indices {
        let step = 1e-6 * parameters[index]
        var (above, below) = (parameters, parameters)
        above[index] += step
        below[index] -= step
        let high = try #require(try form.optimum(above))
        let low = try #require(try form.optimum(below))
        let x = log(high.normalizedHiddenSize / low.normalizedHiddenSize) / (2 * step)
        let r = log(high.mlpToAttentionRatio / low.mlpToAttentionRatio) / (2 * step)
        #expect(abs(optimum.logarithmicGradients.x[index] - x) <= 1e-6 * max(1, abs(x)))
        #expect(abs(optimum.logarithmicGradients.r[index] - r) <= 1e-6 * max(1, abs(r)))
      }
    }
  }

  @Test func referenceEntersLinearly() {
    for form in LawForms.all where form.referenceRole != .none {
      let parameters = Self.parameters[form.name]!
      var scratch = parameters
      let values = [0.0, 1, 2].map { reference in
        var point = point
        point.reference = reference
        return form.loss(parameters, point, &scratch)
      }
      #expect(abs(values[2] - 2 * values[1] + values[0]) < 1e-12, "\(form.name)")
      #expect((form.referenceRole == .factor) == (values[0] == 0))
    }
  }

  @Test func jointFormNestsTheSeparableOne() {
    let separable = Self.parameters["conditional-multiplicative"]!
    var scratch = [Double](repeating: 0, count: 7)
    let joint = ConditionalJoint.loss(separable + [0], point, &scratch)
    #expect(joint == ConditionalMultiplicative.loss(separable, point, &scratch))
  }

  @Test func unknownFormsAreRefused() {
    #expect(throws: (any Error).self) { try LawForms.named("chinchila") }
  }
}
