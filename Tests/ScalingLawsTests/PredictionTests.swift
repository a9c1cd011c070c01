import Foundation
import Input
import Model
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
    #expect(outside.extrapolated.count == 2)
  }

  /// The published laws at other sizes than their anchors': carried by a Chinchilla law. Each of the
  /// two published anchors is predicted from the other, and lies inside the interval of a run.
  @Test func lossesAreCarriedToOtherSizes() throws {
    let shipped = try SharedData.shippedLaw("conditional-80m-297m")
    guard case .anchors(let anchors, let scaling?) = shipped.reference else {
      Issue.record("no anchors with a scaling law")
      return
    }
    for (known, wanted) in [(anchors[0], anchors[1]), (anchors[1], anchors[0])] {
      var law = shipped
      law.reference = .anchors([known], scaling: scaling)
      let prediction = try LossPredictor(
        law, parameters: wanted.point.parameters, tokens: wanted.tokens
      ).predict(wanted.architecture)
      #expect(prediction.quantity == .loss)
      let run = try #require(prediction.prediction95)
      #expect(run.contains(wanted.loss) && run.upperBound - run.lowerBound < 0.25)
      #expect(run.upperBound - run.lowerBound > 0.1)
      // The paper publishes no covariance, so nothing is claimed of the law's value.
      #expect(prediction.confidence95 == nil)
      #expect(prediction.notes.contains { $0.contains("chinchilla-besiroglu") })
    }
    // A smaller model of the anchor's shape: its loss times the ratio of the Chinchilla law's.
    let small = try LossPredictor(shipped, parameters: 418e6, tokens: 1e11)
      .predict(anchors[0].point)
    func chinchilla(_ n: Double) -> Double {
      1.8172 + 482.01 / pow(n, 0.3478) + 2085.43 / pow(1e11, 0.3658)
    }
    let factor = chinchilla(418e6) / chinchilla(anchors[0].point.parameters)
    #expect(abs(small.value - 2.803 * factor) < 1e-9 && small.value > 2.9)
    let fewer = try LossPredictor(shipped, parameters: anchors[0].point.parameters, tokens: 2e10)
      .predict(anchors[0].point)
    #expect(fewer.value > 2.85)
  }

  @Test func aTargetCarriesTheUncertaintyOfScaling() throws {
    let law = try SharedData.shippedLaw("conditional-80m-297m")
    func chance(_ parameters: Double) throws -> Double {
      let predictor = try LossPredictor(law, parameters: parameters, tokens: 1e11)
      let point = TrainingPoint(architecture())
      let value = try predictor.predict(point).value
      return try #require(try predictor.probability(of: point, atMost: .loss(value + 0.02)))
    }
    // 0.02 above is sure at the anchor's size, and little where L_opt is carried.
    #expect(try chance(0.973e9) > 0.85)
    #expect(try chance(418e6) < 0.75 && chance(418e6) > 0.5)
  }

  @Test func withoutALawThatCarriesItOnlyARatioIsGiven() throws {
    let anchor = LossAnchor(architecture: architecture(), tokens: 1e11, loss: 2.8)
    let law = law(reference: .anchors([anchor]))
    for (parameters, tokens) in [(4e8, 1e11), (anchor.point.parameters, 2e11)] {
      let predictor = try LossPredictor(law, parameters: parameters, tokens: tokens)
      let prediction = try predictor.predict(architecture())
      #expect(predictor.quantity == .differenceFromReference)
      #expect(prediction.quantity == .differenceFromReference && prediction.reference == nil)
      #expect(prediction.prediction95 == nil && prediction.notes.count == 1)
    }
    // Within the tolerance, and without tokens of one's own, it is the anchor's.
    #expect(
      try LossPredictor(law, parameters: 1.04 * anchor.point.parameters, tokens: nil)
        .predict(architecture()).quantity == .loss)
    #expect(try LossPredictor(law, parameters: anchor.point.parameters, tokens: nil).tokens == 1e11)
  }

  @Test func carryingWithoutKnownUncertaintyClaimsNone() throws {
    let anchor = LossAnchor(architecture: architecture(), tokens: 1e11, loss: 2.8)
    let law = law(reference: .anchors([anchor], scaling: chinchilla))
    let prediction = try LossPredictor(law, parameters: 4e8, tokens: 1e11).predict(architecture())
    #expect(prediction.quantity == .loss && prediction.value > 2.85)
    #expect(prediction.prediction95 == nil && prediction.confidence95 == nil)
    #expect(prediction.notes.contains { $0.contains("no interval") })
  }

  /// The same ignorance of a law that gives `L_opt` by itself.
  @Test func aReferenceWithoutKnownUncertaintyClaimsNone() throws {
    let point = TrainingPoint(architecture())
    let unknown = try LossPredictor(
      law(reference: .law(chinchilla)), parameters: 1e9, tokens: 1e11)
    let bare = try unknown.predict(point)
    #expect(bare.quantity == .loss)
    #expect(bare.prediction95 == nil && bare.confidence95 == nil)
    #expect(bare.notes.contains { $0.contains("no interval") }, "\(bare.notes)")
    #expect(try unknown.probability(of: point, atMost: .loss(bare.value)) == nil)
    var reference = chinchilla
    reference.uncertainty = LawUncertainty(
      residualStandardDeviation: 0.02, degreesOfFreedom: 200,
      covariance: (0..<5).map { row in (0..<5).map { $0 == row ? 1e-6 : 0 } })
    let known = try LossPredictor(law(reference: .law(reference)), parameters: 1e9, tokens: 1e11)
    let prediction = try known.predict(point)
    #expect(prediction.value == bare.value && prediction.notes.isEmpty)
    #expect(prediction.prediction95 != nil && prediction.confidence95 != nil)
    #expect(try known.probability(of: point, atMost: .loss(bare.value)) != nil)
  }

  @Test(arguments: [(100, 135e6), (1e18, 1e9), (1e3, 1e6)])
  func absurdBudgetsAreRefused(tokens: Double, parameters: Double) throws {
    #expect(throws: InputError.self) {
      try TrainingBudget.check(tokens: tokens, parameters: parameters)
    }
    try TrainingBudget.check(tokens: 36e12, parameters: 6e8)
  }

  /// However few and skewed the rows, a run is known no better than the law.
  @Test(arguments: 1...12) func aRunsIntervalHoldsTheLaws(seed: UInt64) throws {
    let truth = Synthetic.law("chinchilla")
    var table = Synthetic.table(truth, noise: 0.02, seed: seed)
    table.rows = Array(table.rows.prefix(11))
    guard let fit = try? LawFit(truth.form, table, name: "fit", source: "test"),
      let law = try? fit.bootstrapped(.cases, count: 200, seed: seed).law
    else { return }
    for parameters in [5e7, 1e9, 7e9] {
      let estimate = law.estimate(at: TrainingPoint(parameters: parameters, tokens: 1e11))
      let run = try #require(estimate.prediction95)
      let ofLaw = try #require(estimate.confidence95)
      #expect(run.lowerBound < ofLaw.lowerBound && ofLaw.upperBound < run.upperBound)
    }
  }

  /// Six rows of much noise: most resamples cannot be fitted, and the others are no sample of all.
  @Test func refitsThatFailAreNoInterval() throws {
    let truth = Synthetic.law("aspect-ratio")
    var table = Synthetic.table(truth, noise: 0.3, seed: 6)
    table.rows = Array(table.rows.prefix(6))
    let fit = try LawFit(truth.form, table, name: "fit", source: "test")
    let error = #expect(throws: InputError.self) { try fit.bootstrapped(.cases, count: 60) }
    #expect(error?.description.contains("of 60 refits") == true)
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
