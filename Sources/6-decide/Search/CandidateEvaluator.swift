import CostModel
import Foundation
import Input
import Model
import Numerics
import ScalingLaws

/// Gives candidates their intervals and chances. Not shared between threads.
final class CandidateEvaluator {
  private let problem: SearchProblem
  private let pricer: ScenarioPricer
  /// By scenario.
  private let models: [GainModel]
  private var subjects: [Shape: [GainModel.Subject]] = [:]
  /// By scenario; of those that were simulated.
  private var outcomes: [Shape: [LoadOutcome?]] = [:]

  init(_ problem: SearchProblem) throws {
    self.problem = problem
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    self.pricer = pricer
    models = try zip(pricer.predictors, problem.scenarios).map { predictor, scenario in
      guard let throughput = predictor.logThroughput(problem.baseline, scenario.workload) else {
        throw scenario.refusal(of: problem.baseline)
      }
      return GainModel(
        baseline: GainModel.Subject(shape: Shape(problem.baseline), throughput: throughput),
        covariance: predictor.coefficientCovariance,
        formVariance: predictor.formVariance(for: Self.priced(problem)))
    }
  }

  /// What prices rest on: a baseline, and with experts in the space a mixture.
  private static func priced(_ problem: SearchProblem) -> [Architecture] {
    let mixture = problem.space.layers.lazy.flatMap {
      problem.space.experts.mixtures(layers: $0, baseline: problem.baseline.layers).all
    }.first { !$0.isDense }
    guard let mixture else { return [] }
    var shape = Shape(problem.baseline)
    shape.layers = max(shape.layers, mixture.denseLayers + 1)
    shape.mixture = mixture
    return [shape.architecture(like: problem.baseline)]
  }

  /// - Parameter candidates: that are predicted: experts have prices of their own.
  func evidence(for candidates: [SearchCandidate]) -> [PredictionEvidence] {
    let sparse = candidates.map(\.architecture).filter { $0.firstExperts != nil }
    return pricer.predictors.map { $0.evidence(for: sparse) }
  }

  func candidates(_ shapes: [Shape]) throws -> [SearchCandidate] {
    try shapes.map { try candidate($0.architecture(like: problem.baseline)) }
  }

  /// - Returns: `nil` where a device does not hold it.
  func fitting(_ shape: Shape) throws -> SearchCandidate? {
    guard pricer.price(shape) != nil else { return nil }
    return try candidate(shape.architecture(like: problem.baseline))
  }

  func candidate(_ architecture: Architecture) throws -> SearchCandidate {
    let architecture = try architecture.validated()
    let shape = Shape(architecture)
    let isBaseline = shape == Shape(problem.baseline)
    let subjects = try subjects(of: architecture)
    let loads = try outcomes(of: shape)
    let baseline = try outcomes(of: Shape(problem.baseline))
    let served = try zip(pricer.predictors, problem.scenarios).enumerated().map {
      index, pair -> SearchCandidate.Served in
      let model = models[index]
      let gain =
        if let own = loads[index], let base = baseline[index] { own.score - base.score } else {
          model.logGain(subjects[index])
        }
      let deviation = model.ratioDeviation(subjects[index], over: model.baseline)
      return SearchCandidate.Served(
        prediction: try pair.0.predict(architecture, pair.1.workload),
        load: loads[index], logGain: gain,
        logGainDeviation: deviation,
        probabilityBeatsBaseline: isBaseline ? 0.5 : Self.probability(gain, deviation))
    }
    let weights = problem.scenarios.map(\.weight)
    let gain = problem.combination.value(served.map(\.logGain), weights)
    let deviation = combined(served.map(\.logGainDeviation))
    let point = TrainingPoint(architecture)
    let loss = try problem.predictor.predict(point)
    let isOfSize = !isBaseline || problem.isBaselineOfSize
    let chances = served.map(\.probabilityBeatsBaseline)
    let weighted = Self.probability(gain, deviation)
    var candidate = SearchCandidate(
      architecture: architecture, isOfSize: isOfSize, loss: loss,
      probabilityMeetsTarget: isOfSize
        ? try problem.predictor.probability(of: point, atMost: problem.target) : nil,
      served: served, logGain: gain, logGainDeviation: deviation,
      probabilityBeatsBaseline: problem.combination == .worst ? chances.min() ?? 0 : weighted,
      isGQAVerified: problem.space.gqa.isVerified(shape.gqa)
        || shape.gqa == Shape(problem.baseline).gqa,
      isPatternVerified: shape.pattern
        == LayerPattern(problem.baseline.layers.resized(to: shape.layers)),
      areExpertsVerified: shape.mixture.isDense
        || shape.mixture == ExpertMixture(problem.baseline.layers))
    candidate.meetsTarget = isOfSize && loss.value <= problem.targetLoss
    return candidate
  }

  /// The chance that a gain is one; even where there is neither a gain nor an error.
  private static func probability(_ gain: Double, _ deviation: Double) -> Double {
    gain == 0 ? 0.5 : NormalDistribution.cumulative(gain / deviation)
  }

  /// Standard deviation of the logarithm of one candidate's combined gain over another's.
  ///
  /// - Throws: where a device does not hold one of them.
  func ratioDeviation(
    _ candidate: SearchCandidate, over base: SearchCandidate
  ) throws -> Double {
    let first = try subjects(of: candidate.architecture)
    let second = try subjects(of: base.architecture)
    return combined(
      models.indices.map { models[$0].ratioDeviation(first[$0], over: second[$0]) })
  }

  /// A bound for any dependence between scenarios: the errors may all be one.
  private func combined(_ deviations: [Double]) -> Double {
    switch problem.combination {
    case .worst: return deviations.max() ?? 0
    case .weighted:
      return problem.combination.value(deviations, problem.scenarios.map(\.weight))
    }
  }

  /// Takes over what was simulated already.
  func take(_ ranked: [LoadRanking.Ranked]) {
    for candidate in ranked { outcomes[candidate.shape] = candidate.outcomes }
  }

  private func outcomes(of shape: Shape) throws -> [LoadOutcome?] {
    if let known = outcomes[shape] { return known }
    let found = try pricer.simulate(shape)
    outcomes[shape] = found
    return found
  }

  private func subjects(of architecture: Architecture) throws -> [GainModel.Subject] {
    let shape = Shape(architecture)
    if let known = subjects[shape] { return known }
    let found = try zip(pricer.predictors, problem.scenarios).map { predictor, scenario in
      guard let throughput = predictor.logThroughput(architecture, scenario.workload) else {
        throw scenario.refusal(of: architecture)
      }
      return GainModel.Subject(shape: shape, throughput: throughput)
    }
    subjects[shape] = found
    return found
  }

  func points(_ front: ParetoFront<Shape>) -> [ArchitectureSearch.FrontPoint] {
    front.points.compactMap { point in
      let shape = point.element
      let architecture = shape.architecture(like: problem.baseline)
      guard let price = pricer.price(shape), let bytes = pricer.peakMemory(shape) else {
        return nil
      }
      return ArchitectureSearch.FrontPoint(
        architecture: architecture, loss: point.cost,
        meetsTarget: point.cost <= problem.targetLoss, logGain: price.gain,
        throughput: pricer.throughput(shape), peakMemoryBytes: bytes,
        timeToFirstToken: price.timeToFirstToken)
    }
  }
}
