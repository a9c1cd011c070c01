import Architectures
import Foundation
import ScalingLaws
import Testing

@Suite struct PredictionTests {
  private func law(reference: LossReference?) -> ScalingLaw {
    ScalingLaw(
      name: "law", form: ConditionalAdditive.self, parameters: [0.1, 0.1, 0.008, 0.05, 0.05],
      reference: reference,
      uncertainty: LawUncertainty(
        residualStandardDeviation: 0.01, degreesOfFreedom: 30,
        covariance: (0..<5).map { row in (0..<5).map { $0 == row ? 1e-6 : 0 } }),
      domain: [.normalizedHiddenSize: 0.04...0.12, .parameters: 5e7...2e9], source: "test")
  }

  private let chinchilla = ScalingLaw(
    name: "chinchilla", form: Chinchilla.self, parameters: [1.69, 406.4, 410.7, 0.34, 0.28],
    source: "test")

  private func architecture(hidden: Int = 2048, layers: Int = 16) -> Architecture {
    Architecture(
      name: "a\(hidden)x\(layers)", hiddenSize: hidden, intermediateSize: 4 * hidden,
      layers: layers, queryHeads: 32, keyValueHeads: 8, headDimension: 64, vocabularySize: 1000)
  }

  @Test func sizeIsTheBudgetsNotTheArchitectures() throws {
    let predictor = try LossPredictor(
      law(reference: .law(chinchilla)), parameters: 1e9, tokens: 1e11)
    var larger = TrainingPoint(
      parameters: 9e9, tokens: 9e12, normalizedHiddenSize: 0.07, mlpToAttentionRatio: 2)
    let one = try predictor.predict(larger)
    larger.parameters = 1e8
    #expect(try predictor.predict(larger).value == one.value)
    let expected = 1.69 + 406.4 / pow(1e9, 0.34) + 410.7 / pow(1e11, 0.28)
    #expect(abs(try #require(one.reference) - expected) < 1e-12)
    let alone = try LossPredictor(chinchilla, parameters: 1e9, tokens: 1e11)
    #expect(abs(try alone.predict(larger).value - expected) < 1e-12)
  }

  @Test func anchorsReproduceTheirOwnLossAndTheNearestServes() throws {
    let small = LossAnchor(architecture: architecture(), tokens: 1e11, loss: 2.8)
    let large = LossAnchor(
      architecture: architecture(hidden: 4096, layers: 24), tokens: 1e11, loss: 2.5)
    let law = law(reference: .anchors([large, small]))
    for anchor in [small, large] {
      let prediction = try LossPredictor(
        law, parameters: anchor.point.parameters, tokens: 1e11
      ).predict(anchor.architecture)
      #expect(abs(prediction.value - anchor.loss) < 1e-12)
      // The law's own uncertainty cancels at the anchor; two runs' scatter is left.
      let confidence = try #require(prediction.confidence95)
      #expect(confidence.upperBound - confidence.lowerBound < 1e-9)
      let run = try #require(prediction.prediction95)
      let t = 2.042272456301238  // Student's t, 97.5%, 30 degrees of freedom
      #expect(abs(run.upperBound - anchor.loss - t * 0.01 * 2.0.squareRoot()) < 1e-9)
    }
  }

  @Test func whatIsExtrapolatedIsNamed() throws {
    let anchor = LossAnchor(architecture: architecture(), tokens: 1e11, loss: 2.8)
    let law = law(reference: .anchors([anchor]))
    let inside = try LossPredictor(
      law, parameters: anchor.point.parameters, tokens: 1e11
    ).predict(architecture())
    #expect(inside.extrapolated.isEmpty)
    let outside = try LossPredictor(law, parameters: 7e9, tokens: 2e11).predict(
      TrainingPoint(parameters: 7e9, normalizedHiddenSize: 0.2, mlpToAttentionRatio: 1))
    #expect(outside.extrapolated.count == 4)
  }

  @Test func withoutReferenceTheDifferenceIsPredicted() throws {
    let prediction = try LossPredictor(law(reference: nil), parameters: 1e9, tokens: nil)
      .predict(architecture())
    #expect(prediction.quantity == .differenceFromReference)
    #expect(prediction.reference == nil && prediction.prediction95 == nil)
    #expect(prediction.confidence95 != nil)
  }

  @Test func tokensAreAskedForWhereTheyMatter() {
    #expect(throws: InputError.self) {
      try LossPredictor(chinchilla, parameters: 1e9, tokens: nil)
    }
    #expect(throws: InputError.self) {
      try LossPredictor(law(reference: .law(chinchilla)), parameters: 1e9, tokens: nil)
    }
  }
}
