import CostModel
import Foundation
import Model

/// Predicts candidates in every scenario of a search. One a thread: predictors keep what they have
/// priced.
package final class ScenarioPricer {
  let scenarios: [Scenario]
  let predictors: [Predictor]
  private let combination: Combination
  private let weights: [Double]
  /// Of the baseline, by scenario.
  let baseline: [PointPrediction]
  private let baselineLogs: [Double]
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
    self.baseline = try zip(predictors, scenarios).map { predictor, scenario in
      // `predict` says what does not fit and what would.
      try predictor.predict(baseline, scenario.workload).point
    }
    baselineLogs = self.baseline.map { log($0.outputTokensPerSecond) }
  }

  package struct Price {
    /// Natural logarithm of the gain over the baseline, all scenarios combined.
    package var gain: Double
    /// Seconds until the first tokens, over the baseline's, combined the same way.
    package var timeToFirstToken: Double
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
    if scenarios.count == 1 {
      guard let point = predictors[0].point(scratch, scenarios[0].workload) else { return nil }
      return Price(
        gain: log(point.outputTokensPerSecond) - baselineLogs[0],
        timeToFirstToken: point.timeToFirstToken)
    }
    var gains: [Double] = []
    var latencies: [Double] = []
    for (index, scenario) in scenarios.enumerated() {
      guard let point = predictors[index].point(scratch, scenario.workload) else { return nil }
      gains.append(log(point.outputTokensPerSecond) - baselineLogs[index])
      latencies.append(point.timeToFirstToken)
    }
    // Of latencies the longest counts: a front against a mean would hide a slow scenario.
    return Price(
      gain: combination.value(gains, weights), timeToFirstToken: latencies.max() ?? 0)
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
