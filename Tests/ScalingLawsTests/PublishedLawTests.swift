import Foundation
import Input
import Model
import ScalingLaws
import TestSupport
import Testing

@Suite struct PublishedLawTests {
  private let zoo = Zoo(
    folder: Files.root.appendingPathComponent("profiles/architectures"))

  @Test func evaluationsAgreeWithAnIndependentOne() throws {
    let evaluations = try LawsFixture.load().evaluations
    #expect(evaluations.count == 28)
    for expected in evaluations {
      let architecture = try zoo.architecture(named: expected.architecture)
      var law = try SharedData.shippedLaw(expected.law)
      let parameters = Double(architecture.parameters.nonEmbedding)
      let predictor = try LossPredictor(law, parameters: parameters, tokens: 100e9)
      let prediction = try predictor.predict(architecture)
      #expect(prediction.quantity == .loss)
      #expect(abs(prediction.value - expected.loss) < 1e-6, "\(expected)")
      if let ratio = expected.ratio {
        law.reference = nil
        let bare = try LossPredictor(law, parameters: parameters, tokens: nil)
          .predict(architecture)
        #expect(bare.quantity == .ratioToReference)
        #expect(bare.prediction95 == nil)
        #expect(abs(bare.value - ratio) < 1e-6, "\(expected)")
      }
    }
  }

  @Test(arguments: [("conditional-80m-297m", 0.080, 1.032), ("conditional-1b", 0.074, 1.22)])
  func optimaOfPrintedCoefficients(name: String, x: Double, r: Double) throws {
    let optimum = try LawOptimum(SharedData.shippedLaw(name))
    #expect(abs(optimum.x - x) < 5e-4)
    #expect(abs(optimum.r - r) < 5e-3)
    #expect(optimum.xInterval95 == nil)
  }

  @Test func everyShippedLawLoadsAndSaysItsSource() throws {
    let folder = Files.root.appendingPathComponent("profiles/laws")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    #expect(
      names == [
        "aspect-ratio-morph", "chinchilla-besiroglu", "chinchilla-hoffmann",
        "conditional-1b", "conditional-80m-297m", "experts-joint",
      ])
    for name in names { #expect(try SharedData.shippedLaw(name).source.contains("arXiv")) }
  }

  @Test func nearestRealisableArchitectures() throws {
    let law = try SharedData.shippedLaw("conditional-80m-297m")
    let constraints = ShapeConstraints(parameters: 1e9, layers: 16)
    let found = try LawOptimum(law).realizable(law, constraints)
    #expect(found.count == 5)
    #expect(found[0].architecture.hiddenSize == 2560)  // as the paper's Panda-1B
    for (index, candidate) in found.enumerated() {
      let architecture = candidate.architecture
      #expect(architecture.hiddenSize % 128 == 0 && architecture.intermediateSize % 128 == 0)
      #expect(architecture.queryHeads == 4 * architecture.keyValueHeads)
      #expect(abs(Double(architecture.parameters.nonEmbedding) / 1e9 - 1) <= 0.02)
      #expect(candidate.excess >= 0 && candidate.excess < 1e-3)
      if index > 0 { #expect(candidate.excess >= found[index - 1].excess) }
    }
    for (parameters, layers) in [(1e6, 96), (1e308, 16), (1e30, 1), (1e-300, 16)] {
      #expect(throws: InputError.self) {
        try LawOptimum(law).realizable(
          law, ShapeConstraints(parameters: parameters, layers: layers))
      }
    }
  }

  @Test func formsWithoutAnOptimumSaySo() throws {
    #expect(throws: InputError.self) {
      try LawOptimum(SharedData.shippedLaw("chinchilla-hoffmann"))
    }
    var law = try SharedData.shippedLaw("conditional-1b")
    for (a1, a2) in [(-0.1, 0.02), (0.1, 0), (1e-300, 1e300), (1e300, 1e-300)] {
      law.parameters[1] = a1
      law.parameters[2] = a2
      #expect(throws: InputError.self) { try LawOptimum(law) }
    }
  }
}
