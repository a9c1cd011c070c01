import CostModel
import Foundation
import Input
import Model
import ScalingLaws
import Search
import TestSupport
import Testing

@Suite struct SearchTests {
  private func problem(_ change: (inout SearchSpec) -> Void = { _ in }) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = "llama-3.2-1b"
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "llama-3.2-1b"
    spec.devices = ["a100-40gb"]
    spec.rules = ["hidden_size % 256 == 0 and r >= 0.5 and r <= 6 and x > 0.03 and x < 0.2"]
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  /// The streamed search against every candidate priced one by one, with batches that most of the
  /// space can hold and batches for which many must wait.
  @Test(arguments: [128, 400]) func findsWhatBruteForceFinds(batch: Int) throws {
    let problem = try problem {
      $0.maxGQA = 9
      $0.batches = [batch]
    }
    let result = try ArchitectureSearch(problem).run { _ in }
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    var surface = LossSurface(problem.predictor)
    let target = problem.targetLoss
    var all: [(loss: Double, gain: Double, shape: Shape)] = []
    problem.space.visitShapes { shape in
      guard let price = pricer.price(shape) else { return }
      all.append(
        (surface.loss(shape, vocabularySize: problem.baseline.vocabularySize), price.gain, shape))
    }
    #expect(result.enumerated == all.count)
    let feasible = all.filter { $0.loss <= target }
    #expect(result.withinTarget == feasible.count)
    let best = try #require(feasible.max { $0.gain < $1.gain })
    let found = try #require(result.contenders.max { $0.logGain < $1.logGain })
    #expect(abs(found.logGain - best.gain) < 1e-9)
    for point in result.front {
      #expect(
        !all.contains { $0.loss < point.loss - 1e-12 && $0.gain > point.logGain + 1e-12 })
    }
    #expect(result.front.contains { abs($0.logGain - best.gain) < 1e-9 })
  }

  @Test func publishedArchitecturesArePlaced() throws {
    let problem = try problem { $0.maxGQA = 9 }
    func loss(_ name: String) throws -> Double {
      try problem.predictor.predict(Zoo.resolve(name)).value
    }
    #expect(try loss("surefire-1b") <= problem.targetLoss)
    var surface = LossSurface(problem.predictor)
    let optimum = try LawOptimum(problem.predictor.law)
    let least = surface.loss(
      normalizedHiddenSize: optimum.x, mlpToAttentionRatio: optimum.r, aspectRatio: .nan)
    #expect(try loss("panda-1b") - least < 1e-3)
    #expect(abs(problem.targetLoss - 2.803) < 1e-9)
  }

  @Test func theSurfaceIsTheLaw() throws {
    for law in ["conditional-80m-297m", "chinchilla-besiroglu", "aspect-ratio-morph"] {
      let predictor = try LossPredictor(
        LawZoo.resolve(law), parameters: 0.973e9, tokens: 100e9)
      var surface = LossSurface(predictor)
      for name in ["surefire-1b", "llama-3.2-1b"] {
        let architecture = try Zoo.resolve(name)
        let fast = surface.loss(
          Shape(architecture), vocabularySize: architecture.vocabularySize)
        #expect(abs(fast - (try predictor.predict(architecture).value)) < 1e-12)
      }
    }
  }

  @Test func candidatesCarryTheirUncertainty() throws {
    let result = try ArchitectureSearch(problem()).run { _ in }
    let best = result.candidates[0]
    let chance = try #require(best.probabilityMeetsTarget)
    #expect(chance >= 0.5 && chance < 1)
    #expect(best.isTied && best.meetsTarget && best.logGainDeviation > 0)
    #expect(best.probabilityBeatsBaseline > 0.5)
    #expect(result.tied >= 1 && result.tied <= result.examined)
    #expect(result.baseline.logGain == 0 && result.baseline.logGainDeviation < 1e-6)
    // GQA stays at 4 by default, the baseline's.
    #expect(result.candidates.allSatisfy { $0.shape.gqa <= 4 })
    #expect(result.candidates.filter { $0.shape.gqa != 4 }.allSatisfy { !$0.isGQAVerified })
  }

  @Test func scenariosCombine() throws {
    let one = try ArchitectureSearch(problem()).run { _ in }
    let worst = try ArchitectureSearch(problem { $0.batches = [8, 128] }).run { _ in }
    let best = try #require(worst.candidates.first)
    #expect(best.served.count == 2)
    #expect(best.logGain == best.served.map(\.logGain).min())
    let weighted = try ArchitectureSearch(
      problem {
        $0.batches = [8, 128]
        $0.combination = .weighted
      }
    ).run { _ in }
    let mean = try #require(weighted.contenders.max { $0.logGain < $1.logGain })
    #expect(abs(mean.logGain - mean.served.map(\.logGain).reduce(0, +) / 2) < 1e-12)
    let fastest = try #require(one.contenders.map(\.logGain).max())
    #expect(fastest >= best.logGain - 1e-9)
  }

  @Test func frontsOfMemoryAndLatency() throws {
    let result = try ArchitectureSearch(problem { $0.fronts = [.memory, .ttft] }).run { _ in }
    for (first, second) in zip(result.memoryFront, result.memoryFront.dropFirst()) {
      #expect(first.loss < second.loss && first.peakMemoryBytes > second.peakMemoryBytes)
    }
    for (first, second) in zip(result.ttftFront, result.ttftFront.dropFirst()) {
      #expect(first.loss < second.loss && first.timeToFirstToken > second.timeToFirstToken)
    }
    #expect(!result.memoryFront.isEmpty && !result.ttftFront.isEmpty)
  }

  @Test func badProblemsAreRefused() {
    func expectRefusal(
      _ named: String, _ part: String, _ change: (inout SearchSpec) -> Void
    ) {
      let error = #expect(throws: InputError.self) {
        try ArchitectureSearch(problem(change)).run { _ in }
      }
      #expect(error?.description.contains(named) == true, "\(String(describing: error))")
      #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }
    expectRefusal("least loss", "minimum") { $0.targetLoss = "2.7" }
    expectRefusal("hidden_size < 100", "empty") { $0.rules = ["hidden_size < 100"] }
    expectRefusal("law: ", "missing") { $0.law = nil }
    expectRefusal("law: ", "nosuch") { $0.law = "nosuch" }
    expectRefusal("parameters: ", "missing") { $0.parameters = nil }
    expectRefusal("parameters: ", "nosuch") { $0.parameters = "nosuch" }
    expectRefusal("target_loss: ", "missing") { $0.targetLoss = nil }
    expectRefusal("target_loss: ", "nosuch") { $0.targetLoss = "nosuch" }
    expectRefusal("nosuch", "device") { $0.devices = ["nosuch"] }
    expectRefusal("chinchilla-hoffmann", "tokens") {
      $0.tokens = nil
      $0.law = "chinchilla-hoffmann"
    }
    expectRefusal("head_dimension: ", "even") { $0.headDimensions = [63] }
    expectRefusal("hidden_multiple: ", "32") {
      $0.dtype = .q8_0
      $0.hiddenMultiple = 16
    }
    expectRefusal("does not fit", "llama-3.2-1b") {
      $0.workloads = [ServingWorkload(prompt: 9_000_000, generate: 9, batch: 1)]
      $0.batches = [1]
    }
  }
}

@Suite struct ProbabilityTests {
  private func law(covariance: [[Double]]?) throws -> ScalingLaw {
    var law = try LawZoo.resolve("conditional-80m-297m")
    law.uncertainty = LawUncertainty(
      residualStandardDeviation: 0.01, degreesOfFreedom: 50, covariance: covariance)
    return law
  }

  @Test func coefficientsThatBothShareCancel() throws {
    var covariance = [[Double]](repeating: [Double](repeating: 0, count: 5), count: 5)
    for index in 0..<5 { covariance[index][index] = 1e-6 }
    let predictor = try LossPredictor(
      law(covariance: covariance), parameters: 0.973e9, tokens: 100e9)
    let panda = TrainingPoint(try Zoo.resolve("panda-1b"))
    let llama = TrainingPoint(try Zoo.resolve("llama-3.2-1b"))
    let value = try predictor.predict(llama).value
    let same = try #require(try predictor.probability(of: llama, atMost: .shape(llama)))
    #expect(abs(same - 0.5) < 1e-9)
    let shared = try #require(try predictor.probability(of: panda, atMost: .shape(llama)))
    let fixed = try #require(try predictor.probability(of: panda, atMost: .loss(value)))
    #expect(shared > fixed && fixed > 0.5)
  }

  @Test func scatterAloneServesWithoutACovariance() throws {
    let predictor = try LossPredictor(
      law(covariance: nil), parameters: 0.973e9, tokens: 100e9)
    let panda = TrainingPoint(try Zoo.resolve("panda-1b"))
    let chance = try #require(
      try predictor.probability(of: panda, atMost: .loss(predictor.predict(panda).value)))
    #expect(abs(chance - 0.5) < 1e-12)
    var bare = try law(covariance: nil)
    bare.uncertainty = nil
    #expect(
      try LossPredictor(bare, parameters: 0.973e9, tokens: 100e9)
        .probability(of: panda, atMost: .loss(2.8)) == nil)
  }
}
