import CostModel
import Foundation
import Input
import Model

/// Predicts candidates in every scenario of a search. One a thread: predictors keep what they have
/// priced.
package final class ScenarioPricer {
  let scenarios: [Scenario]
  let predictors: [Predictor]
  /// By scenario; `nil` of static batches.
  private let loads: [LoadPricer?]
  private let combination: Combination
  private let weights: [Double]
  /// Of the baseline, by scenario.
  let baseline: [PointPrediction]
  private var baselineLogs: [Double] = []
  private let template: Architecture
  private var scratch: Architecture
  /// Of `scratch`'s layers.
  private var pattern: LayerPattern
  private var mixture: ExpertMixture

  /// - Throws: `InputError` where the baseline does not fit a device.
  package init(_ scenarios: [Scenario], _ combination: Combination, baseline: Architecture) throws {
    self.scenarios = scenarios
    self.combination = combination
    weights = scenarios.map(\.weight)
    template = baseline
    scratch = baseline
    scratch.name = ""
    pattern = LayerPattern(baseline.layers)
    mixture = ExpertMixture(baseline.layers)
    predictors = try scenarios.map { try Predictor($0.profile, $0.engine, $0.settings) }
    loads = zip(predictors, scenarios).map { predictor, scenario in
      scenario.load.map { LoadPricer(predictor, $0) }
    }
    self.baseline = try zip(predictors, scenarios).map { predictor, scenario in
      // `predict` says what does not fit and what would.
      try predictor.predict(baseline, scenario.workload).point
    }
    baselineLogs = try scenarios.indices.map { index in
      guard let load = loads[index] else { return log(self.baseline[index].outputTokensPerSecond) }
      return try load.estimated(baseline).score
    }
  }

  package struct Price {
    /// Natural logarithm of the gain over the baseline, all scenarios combined.
    package var gain: Double
    /// Seconds until the first tokens, over the baseline's, combined the same way.
    package var timeToFirstToken: Double
    /// How far it is from the service levels of loads, as a natural logarithm: at most 0 where all are
    /// met.
    package var excess = -Double.infinity

    /// What is kept first: the gain, and far less where a service level is missed by more than a closed
    /// form may be off.
    var rank: Double { excess > Self.slack ? gain - 10 * (excess - Self.slack) : gain }
    private static let slack = 0.1
  }

  /// Makes `scratch` the candidate: in place, but for the layers' order, which many share.
  private func take(_ shape: Shape) {
    if scratch.layers.count != shape.layers || pattern != shape.pattern
      || mixture != shape.mixture
    {
      scratch.arrange(like: template, shape.layers, shape.pattern, shape.mixture)
      (pattern, mixture) = (shape.pattern, shape.mixture)
    }
    shape.setSizes(of: &scratch)
  }

  /// - Returns: `nil` where a device does not hold the candidate.
  package func price(_ shape: Shape) -> Price? {
    take(shape)
    if scenarios.count == 1, loads[0] == nil {
      guard let point = predictors[0].point(scratch, scenarios[0].workload) else { return nil }
      return Price(
        gain: log(point.outputTokensPerSecond) - baselineLogs[0],
        timeToFirstToken: point.timeToFirstToken)
    }
    var gains: [Double] = []
    var latencies: [Double] = []
    var excess = -Double.infinity
    for (index, scenario) in scenarios.enumerated() {
      if let load = loads[index] {
        // An engine with a cache of fixed size holds all of the nearest batch, or does not start.
        guard let estimate = load.estimate(scratch),
          predictors[index].peakMemoryBytes(scratch, scenario.workload) != nil
        else { return nil }
        gains.append(estimate.score - baselineLogs[index])
        latencies.append(estimate.timeToFirstToken)
        excess = max(excess, estimate.excess)
        continue
      }
      guard let point = predictors[index].point(scratch, scenario.workload) else { return nil }
      gains.append(log(point.outputTokensPerSecond) - baselineLogs[index])
      latencies.append(point.timeToFirstToken)
    }
    // Of latencies the longest counts: a front against a mean would hide a slow scenario.
    return Price(
      gain: combination.value(gains, weights), timeToFirstToken: latencies.max() ?? 0,
      excess: excess)
  }

  // MARK: Loads

  /// What clients see in each scenario with a load; `nil` in the others.
  ///
  /// - Throws: `InputError` where a device does not hold the candidate.
  func simulate(_ shape: Shape) throws -> [LoadOutcome?] {
    take(shape)
    return try loads.map { try $0?.simulate(scratch) }
  }

  /// Natural logarithm of the gain over the baseline, simulated where there are loads.
  func gain(
    _ shape: Shape, _ outcomes: [LoadOutcome?], over baseline: [LoadOutcome?]
  ) -> Double {
    take(shape)
    let gains = scenarios.indices.map { index in
      if let own = outcomes[index], let base = baseline[index] { return own.score - base.score }
      let point = predictors[index].point(scratch, scenarios[index].workload)
      return log(point?.outputTokensPerSecond ?? 0) - baselineLogs[index]
    }
    return combination.value(gains, weights)
  }

  /// Tokens made a second in each scenario, by closed forms.
  func throughput(_ shape: Shape) -> [Double] {
    take(shape)
    return scenarios.indices.map { index in
      loads[index].map { $0.estimate(scratch)?.outputTokensPerSecond ?? .nan }
        ?? predictors[index].point(scratch, scenarios[index].workload)?.outputTokensPerSecond
        ?? .nan
    }
  }

  /// Bytes of the scenario that needs most.
  func peakMemory(_ shape: Shape) -> Double? {
    take(shape)
    var most = 0.0
    for (predictor, scenario) in zip(predictors, scenarios) {
      guard let bytes = predictor.peakMemoryBytes(scratch, scenario.workload) else { return nil }
      most = max(most, bytes)
    }
    return most
  }
}
