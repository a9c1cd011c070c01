import Foundation
import Input
import Model
import ScalingLaws
import TestSupport
import Testing

/// The joint law of dense models and mixtures (arXiv 2502.05172), by itself and beside others.
@Suite struct ExpertLawTests {
  private let zoo = Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))

  private static func point(_ parameters: Double, _ tokens: Double, _ experts: Double)
    -> TrainingPoint
  {
    var point = TrainingPoint(parameters: parameters, tokens: tokens)
    point.experts = experts
    return point
  }

  /// Where 1e20 FLOPs, `6·N·D`, are spent best: 1.7B parameters and 9.7B tokens of a dense model, 669M
  /// active ones and 24.9B tokens with 32 experts, as printed.
  @Test(arguments: [(1.0, 1.73e9, 9.6e9), (32, 0.67e9, 24.8e9)])
  func publishedOptima(experts: Double, parameters: Double, tokens: Double) throws {
    let law = try SharedData.shippedLaw("experts-joint")
    let sizes = (0...4000).map { 1e8 * pow(100, Double($0) / 4000) }
    let best = try #require(
      sizes.min {
        law.loss(Self.point($0, 1e20 / (6 * $0), experts))
          < law.loss(Self.point($1, 1e20 / (6 * $1), experts))
      })
    #expect(abs(best / parameters - 1) < 0.01, "\(best)")
    #expect(abs(1e20 / (6 * best) / tokens - 1) < 0.01, "\(1e20 / (6 * best))")
  }

  /// A dense model is where `Ê` begins; with ever more experts it ends at `E_max`.
  @Test func expertsSaturate() throws {
    let law = try SharedData.shippedLaw("experts-joint")
    func loss(_ experts: Double) -> Double { law.loss(Self.point(1e9, 1e11, experts)) }
    func byHand(_ experts: Double) -> Double {
      let e = log(experts)
      return 35.91 * exp(-0.2285 * e) * pow(1e9, -0.1889 + 0.0098 * e)
        + 35.98 * exp(0.5529 * e) * pow(1e11, -0.1775 - 0.0259 * e) + 1.3637
    }
    #expect(abs(loss(1) - byHand(2.0732)) < 1e-12)
    #expect(abs(loss(1e12) - byHand(290.4521)) < 1e-6)
    #expect(loss(8) < loss(1) && loss(32) < loss(8))
  }

  /// Losses that follow the law give it back.
  @Test func fitsRecoverTheLaw() throws {
    let law = try SharedData.shippedLaw("experts-joint")
    var rows: [TrainingTable.Row] = []
    for size in [1e8, 3e8, 1e9, 3e9] {
      for tokens in [3e9, 1e10, 3e10, 1e11] {
        for experts in [1.0, 2, 4, 8, 16, 32] {
          let point = Self.point(size, tokens, experts)
          let noise = 1 + 1e-5 * sin(Double(97 * rows.count))
          rows.append(.init(line: rows.count + 2, point: point, loss: noise * law.loss(point)))
        }
      }
    }
    let fit = try LawFit(
      ExpertsJoint.self, TrainingTable(name: "rows", rows: rows), name: "fit", reference: nil,
      source: "")
    for row in rows {
      #expect(abs(fit.law.loss(row.point) / law.loss(row.point) - 1) < 1e-4)
    }
    #expect(abs(fit.law.parameters[8] / 1.3637 - 1) < 0.02)
  }

  @Test func tablesHoldExperts() throws {
    func rows(_ text: String) throws -> [TrainingTable.Row] {
      try TrainingTable(name: "runs", text: text, folder: Files.fixtures).rows
    }
    let table = try rows("N,E,D,loss\n1e9,8,1e10,3\n1e9,1,1e10,3.2\n")
    #expect(table.map(\.point.experts) == [8, 1])
    #expect(throws: InputError.self) { try rows("N,E,D,loss\n1e9,0.5,1e10,3\n") }
    #expect(throws: InputError.self) { try rows("config,E,D,loss\nllama-3.2-1b,2,1e10,3\n") }
  }

  // MARK: Beside a law of dense models

  @Test func pointsAreOfWhatATokenPasses() throws {
    let mixtral = try zoo.architecture(named: "mixtral-8x7b")
    let point = TrainingPoint(mixtral)
    let counts = mixtral.parameters
    #expect(point.experts == 4)  // 8 experts, 2 active
    #expect(point.parameters == Double(counts.activeNonEmbedding))
    #expect(point.normalizedHiddenSize == 4096 / point.parameters.squareRoot())
    let attention = Double(128 * (64 + 16))
    #expect(point.mlpToAttentionRatio == 86016 / attention)  // 2·3·14336
    #expect(point.embeddings == 2 * 4096 * 32000)
    let llama = TrainingPoint(try zoo.architecture(named: "llama-3.2-1b"))
    #expect(llama.experts == 1 && llama.activeShare == 1)
  }

  /// The loss of a dense model of the active parameters, times the ratio of the joint law with experts
  /// and without.
  @Test(arguments: [ParameterBudget.active, .total])
  func mixturesAreARatioToDenseModels(budget: ParameterBudget) throws {
    let law = try SharedData.shippedLaw("conditional-80m-297m")
    let joint = try SharedData.shippedLaw("experts-joint")
    let mixture = try zoo.architecture(named: "granite-3.1-1b-a400m")
    let size = Double(mixture.parameters.count(budget))
    let predictor = try LossPredictor(
      law, parameters: size, tokens: 100e9, counts: budget, experts: joint)
    let found = try predictor.predict(mixture)
    var surface = LossSurface(predictor)
    let point = TrainingPoint(mixture)
    #expect(abs(surface.loss(point) - found.value) < 1e-12)

    // By hand: from L_opt at the budget, carried to the active parameters.
    let dense = try LossPredictor(law, parameters: size, tokens: 100e9)
    var atBudget = TrainingPoint(parameters: size)
    atBudget.normalizedHiddenSize = point.normalizedHiddenSize
    atBudget.mlpToAttentionRatio = point.mlpToAttentionRatio
    func chinchilla(_ n: Double) -> Double {
      1.8172 + 482.01 / pow(n, 0.3478) + 2085.43 / pow(100e9, 0.3658)
    }
    let active = Double(mixture.parameters.activeNonEmbedding)
    let withHead = active + point.embeddings
    let growth = chinchilla(active) / chinchilla(size)
    let with = joint.loss(Self.point(withHead, 100e9, point.experts))
    let without = joint.loss(Self.point(withHead, 100e9, 1))
    let ofDense = try dense.predict(atBudget).value
    let expected = ofDense * growth * with / without
    #expect(abs(found.value - expected) < 1e-9, "\(found.value) \(expected)")
    #expect(found.notes.contains { $0.contains("experts-joint") })
    if budget == .active { #expect(found.value < ofDense) }
  }

  /// How well the ratio is known is not published: nothing is claimed of what it is in, by any law.
  @Test(arguments: ["conditional-80m-297m", "chinchilla-besiroglu"])
  func mixturesHaveNoInterval(name: String) throws {
    let mixture = try zoo.architecture(named: "granite-3.1-1b-a400m")
    let dense = try zoo.architecture(named: "llama-3.2-1b")
    let predictor = try LossPredictor(
      SharedData.shippedLaw(name), parameters: 1e9, tokens: 1e11, counts: .active,
      experts: SharedData.shippedLaw("experts-joint"))
    let found = try predictor.predict(mixture)
    #expect(found.quantity == .loss && found.prediction95 == nil && found.confidence95 == nil)
    #expect(found.notes.contains { $0.contains("experts-joint") && $0.contains("no interval") })
    #expect(try predictor.predict(dense).prediction95 != nil)

    let (sparse, plain) = (TrainingPoint(mixture), TrainingPoint(dense))
    func chance(_ point: TrainingPoint, _ target: LossTarget) throws -> Double? {
      try predictor.probability(of: point, atMost: target)
    }
    #expect(try chance(sparse, .loss(found.value)) == nil)
    #expect(try chance(sparse, .shape(plain)) == nil && chance(plain, .shape(sparse)) == nil)
    // It cancels where both have as many, and a dense model has none.
    #expect(abs(try #require(try chance(sparse, .shape(sparse))) - 0.5) < 1e-9)
    #expect(try chance(plain, .loss(found.value)) != nil)
  }

  @Test func denseModelsAreAsBefore() throws {
    for name in ["conditional-80m-297m", "chinchilla-besiroglu", "aspect-ratio-morph"] {
      let law = try SharedData.shippedLaw(name)
      let llama = try zoo.architecture(named: "llama-3.2-1b")
      let plain = try LossPredictor(law, parameters: 2e9, tokens: 1e11).predict(llama)
      let beside = try LossPredictor(
        law, parameters: 2e9, tokens: 1e11,
        experts: SharedData.shippedLaw("experts-joint")
      ).predict(llama)
      #expect(plain.value == beside.value && plain.prediction95 == beside.prediction95)
      #expect(plain.notes == beside.notes)
    }
  }

  @Test func moreExpertsThanWereFittedAreExtrapolated() throws {
    let predictor = try LossPredictor(
      SharedData.shippedLaw("conditional-80m-297m"), parameters: 1e9, tokens: 1e11,
      counts: .active, experts: SharedData.shippedLaw("experts-joint"))
    var point = TrainingPoint(try zoo.architecture(named: "llama-3.2-1b"))
    point.experts = 64
    #expect(try predictor.predict(point).extrapolated.contains { $0.contains("E = 64") })
    point.experts = 32
    #expect(try !predictor.predict(point).extrapolated.contains { $0.contains("E = 32") })
  }

  @Test func whatCannotBeToldIsRefused() throws {
    let joint = try SharedData.shippedLaw("experts-joint")
    let mixture = try zoo.architecture(named: "granite-3.1-1b-a400m")
    var conditional = try SharedData.shippedLaw("conditional-80m-297m")
    func refusal(_ body: () throws -> Void) -> String {
      (#expect(throws: InputError.self, performing: body))?.description ?? ""
    }
    #expect(
      refusal {
        _ = try LossPredictor(conditional, parameters: 1e9, tokens: 1e11).predict(mixture)
      }.contains("dense models only"))
    let chinchilla = try SharedData.shippedLaw("chinchilla-hoffmann")
    #expect(
      refusal {
        _ = try LossPredictor(conditional, parameters: 1e9, tokens: 1e11, experts: chinchilla)
      }.contains("expert_law"))
    conditional = try conditional.referenced(anchors: [], scaling: "none")
    #expect(
      refusal {
        _ = try LossPredictor(conditional, parameters: 0.973e9, tokens: 1e11, experts: joint)
      }.contains("active"))
    _ = try LossPredictor(
      conditional, parameters: 0.973e9, tokens: 1e11, counts: .active, experts: joint)
    #expect(
      refusal {
        _ = try LossAnchor(architecture: mixture, tokens: 1e11, loss: 2.8).validated()
      }.contains("dense model"))
  }
}
