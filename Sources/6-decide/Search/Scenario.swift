import CostModel
import Input
import Model
import Records

/// A device and engine with the workload they serve: one of the things a search optimises for.
public struct Scenario: Sendable {
  public var profile: DeviceProfile
  public var engine: ServingEngine
  public var settings: Predictor.Settings
  public var workload: ServingWorkload
  /// Where it is served under a load: `workload` is then the static batch that is nearest to it, of which
  /// memory and the errors of gains are.
  public var load: ScenarioLoad?
  /// Its share where several scenarios are weighted.
  public var weight: Double

  public init(
    profile: DeviceProfile, engine: ServingEngine, settings: Predictor.Settings,
    workload: ServingWorkload, load: ScenarioLoad? = nil, weight: Double = 1
  ) {
    self.profile = profile
    self.engine = engine
    self.settings = settings
    self.workload = workload
    self.load = load
    self.weight = weight
  }

  /// `a100-40gb under vllm, 4096x1024, batch 128`.
  public var name: String {
    let work =
      workload.prompt > 0
      ? "\(workload.prompt)x\(workload.generate)"
      : "decode of \(workload.generate) at depth \(workload.depth)"
    return
      "\(profile.name) under \(engine.name), \(work), \(load?.name ?? "batch \(workload.batch)")"
  }

  /// That its devices do not hold an architecture, and what they would.
  func refusal(of architecture: Architecture) -> InputError {
    InputError(
      architecture.name, problem: "does not fit \(name)",
      expected: "fewer sequences at once, more devices (tensor_parallel), a smaller model or dtype")
  }
}

/// How several scenarios become one number: gains over the baseline, in natural logarithms, so that
/// slow and fast devices count alike.
public enum Combination: String, CaseIterable, Sendable {
  /// The least gain.
  case worst
  /// The weighted mean of the gains' logarithms.
  case weighted

  func value(_ gains: [Double], _ weights: [Double]) -> Double {
    switch self {
    case .worst: return gains.min() ?? 0
    case .weighted:
      let total = weights.reduce(0, +)
      return zip(gains, weights).reduce(0) { $0 + $1.0 * $1.1 } / total
    }
  }
}
