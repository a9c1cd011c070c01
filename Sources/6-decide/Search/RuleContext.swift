import CostModel
import Model

/// What rules need to know of a candidate beyond its sizes: what all candidates share, and where they
/// are to be served.
public struct RuleContext: Sendable {
  /// Whose vocabulary, biases and the like all candidates have.
  public var template: Architecture
  public var scenarios: [Scenario]

  public init(template: Architecture, scenarios: [Scenario]) {
    self.template = template
    self.scenarios = scenarios
  }

  func totalParameters(_ shape: Shape) -> Double {
    Double(shape.architecture(like: template).parameters.total)
  }

  /// Bytes of all weights, as the scenarios store them; NaN where rows do not fill whole blocks.
  func weightBytes(_ shape: Shape) -> Double {
    let architecture = shape.architecture(like: template)
    return scenarios.map { scenario in
      // What this engine loads is counted to the byte; GPUs' storage as their memory plans have it.
      guard let dtype = scenario.settings.weights.dtype else {
        return Predictor.weightBytes(
          architecture, scenario.settings, engine: scenario.engine, limits: scenario.profile.limits)
      }
      return (try? architecture.weightBytes(WeightFormat(dtype))).map { Double($0) } ?? .nan
    }.max() ?? .nan
  }

  /// Bytes of one device that weights, activations, the engine's reserve and the whole batch's KV
  /// cache take, in the scenario that needs most.
  func memoryBytes(_ shape: Shape) -> Double {
    let architecture = shape.architecture(like: template)
    return scenarios.map {
      Predictor.memoryBytes(
        architecture, $0.workload, $0.settings, engine: $0.engine, limits: $0.profile.limits)
    }.max() ?? .nan
  }
}

/// What a rule is asked about.
struct RuleSubject {
  let shape: Shape
  let context: RuleContext?
}
