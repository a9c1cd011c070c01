import CostModel
import Formats
import Input
import Model
import Records
import Requests
import Serving

/// Loads as a specification names them, in place of batches.
public struct LoadSpec: Sendable, Hashable {
  /// Clients of closed loops.
  public var concurrencies: [Int]?
  /// Of Poisson arrivals.
  public var rate: RequestRate?
  public var level: ServiceLevel?
  /// Of one device.
  public var price: HourlyPrice?
  /// Lengths are uniform between this share of the workload's and all of it.
  public var lengthRange: Double?
  public var objective: ScenarioLoad.Objective?

  public init() {}

  /// Whether it says what load there is; a service level alone asks for the highest rate.
  var namesDemand: Bool { concurrencies != nil || rate != nil }
  var isAsked: Bool { namesDemand || level != nil }

  func overridden(by other: LoadSpec) -> LoadSpec {
    var result = other
    // They are two loads: one does not stand beside the other.
    if !other.namesDemand { (result.concurrencies, result.rate) = (concurrencies, rate) }
    result.level = other.level ?? level
    result.price = other.price ?? price
    result.lengthRange = other.lengthRange ?? lengthRange
    result.objective = other.objective ?? objective
    return result
  }

  func demands() throws -> [ScenarioLoad.Demand] {
    guard concurrencies == nil || rate == nil else {
      throw InputError(
        "concurrency, rate", problem: "are two loads", expected: "one of them")
    }
    if let concurrencies { return concurrencies.map { .closedLoop(concurrency: $0) } }
    if let rate { return [.rate(rate.perSecond)] }
    return [.highestRate]
  }

  /// Refuses what only loads have where there is none.
  func requireLoad() throws {
    let given = [
      ("price", price != nil), ("length_range", lengthRange != nil),
      ("objective", objective != nil),
    ].filter(\.1).map(\.0)
    guard given.isEmpty || isAsked else {
      throw InputError(
        given.joined(separator: ", "), problem: "is of a server under load",
        expected: "concurrency, rate or slo beside it")
    }
  }
}

extension SearchSpec {
  /// The scenarios that a file lists, or the product of devices, workloads and batches or loads.
  ///
  /// - Parameters:
  ///   - baseline: whose place in a load's closed form says what static batch is nearest to the load.
  ///   - device: what a device's name means.
  func resolvedScenarios(
    _ baseline: Architecture, _ device: (String) throws -> DeviceProfile
  ) throws -> [Scenario] {
    var profiles: [String: DeviceProfile] = [:]
    return try (scenarios.isEmpty ? products() : scenarios).flatMap { part -> [Scenario] in
      let profile = try profiles[part.device] ?? device(part.device)
      profiles[part.device] = profile
      let isGPU = profile.limits.kind == .gpu
      let engineName = part.engine ?? engine ?? (isGPU ? ServingEngine.vllm : .dyno).name
      let settings = Predictor.Settings(
        weights: dtype ?? .bf16, cache: cacheDType ?? (isGPU ? .bf16 : .f16),
        tensorParallel: tensorParallel ?? 1)
      try settings.check(on: profile)
      let scenario = Scenario(
        profile: profile, engine: try ServingEngine.named(engineName), settings: settings,
        workload: part.workload, weight: part.weight)
      let load = load.overridden(by: part.load)
      guard load.isAsked else {
        try load.requireLoad()
        return [scenario]
      }
      return try load.demands().map { try Self.loaded(scenario, $0, load, baseline) }
    }
  }

  private static func loaded(
    _ scenario: Scenario, _ demand: ScenarioLoad.Demand, _ spec: LoadSpec, _ baseline: Architecture
  ) throws -> Scenario {
    var scenario = scenario
    guard scenario.workload.prompt > 0 else {
      throw InputError(
        "decode_depth", problem: "is no request of a load", expected: "a workload such as 4096x1024"
      )
    }
    let load = try ScenarioLoad(
      demand,
      lengths: LengthDistribution(
        input: scenario.workload.prompt, output: scenario.workload.generate,
        least: spec.lengthRange ?? 1),
      level: spec.level, price: spec.price, objective: spec.objective)
    scenario.load = load
    if case .closedLoop(let concurrency) = demand {
      scenario.workload.batch = concurrency
    } else {
      let predictor = try Predictor(scenario.profile, scenario.engine, scenario.settings)
      scenario.workload.batch = try LoadPricer(predictor, load).sequences(baseline)
    }
    return scenario
  }

  private func products() throws -> [Part] {
    guard let devices else {
      throw InputError("device", problem: "is missing", expected: "a device profile or name")
    }
    guard batches == nil || !load.isAsked else {
      throw InputError(
        "batch", problem: "is a static batch beside a load",
        expected: "it without concurrency, rate and slo")
    }
    let batches = load.isAsked ? [1] : batches ?? [128]
    for batch in batches where batch < 1 {
      throw InputError("batch", problem: "is \(batch)", expected: "at least 1")
    }
    var works = workloads ?? []
    works += (decodeDepths ?? []).map {
      ServingWorkload(prompt: 0, generate: 1, depth: $0, batch: 1)
    }
    if works.isEmpty { works = [ServingWorkload(prompt: 4096, generate: 1024, batch: 1)] }
    return devices.flatMap { device in
      works.flatMap { work in
        batches.map { batch in
          var workload = work
          workload.batch = batch
          return Part(device: device, engine: nil, workload: workload, weight: 1)
        }
      }
    }
  }
}
