import CostModel
import Foundation
import Harness
import Input
import Model
import Records
import Search

/// The closed loop on this machine for what a search found.
public struct HostVerification {
  private let result: ArchitectureSearch.Result
  private let store: String?
  private let pool: Int
  private let threads: Int?
  private var loop = ClosedLoop.Settings()
  private let pairs: Int
  private let memoryBytes: Int
  private let seed: UInt64

  public init(
    _ result: ArchitectureSearch.Result, budgetSeconds: Double, store: String?, pairs: Int,
    perRound: Int, pool: Int, memoryBytes: Int, threads: Int?, seed: UInt64
  ) {
    self.result = result
    self.store = store
    self.pool = pool
    self.threads = threads
    self.pairs = pairs
    self.memoryBytes = memoryBytes
    self.seed = seed
    loop.perRound = perRound
    loop.budgetSeconds = budgetSeconds
  }

  /// Refuses a search whose candidates cannot be measured here.
  public static func check(_ problem: SearchProblem) throws {
    guard !problem.hasLoads else {
      throw InputError(
        "verify", problem: "measures static batches, and the search is of servers under load",
        expected: "it without concurrency, rate and slo")
    }
    for scenario in problem.scenarios
    where scenario.settings.weights.dtype == nil || scenario.settings.cache.dtype == nil {
      throw InputError(
        "verify",
        problem: "measures on this machine, which stores no \(scenario.settings.weights) "
          + "weights with a \(scenario.settings.cache) cache",
        expected: "storage that bench takes")
    }
  }

  /// - Parameter host: this machine's profile, asked for where the search was for other devices.
  public func run(
    host: () throws -> DeviceProfile, report: @escaping (String) -> Void
  ) throws -> (outcome: ClosedLoop.Outcome, warnings: [String]) {
    let problem = result.problem
    try Self.check(problem)
    let scenario = try hostScenario(host)
    var settings = HostVerifier.Settings(workload: scenario.workload)
    // Others were refused.
    settings.weights = scenario.settings.weights.dtype ?? .bf16
    settings.cache = scenario.settings.cache.dtype ?? .f16
    settings.threads = threads
    settings.pairs = pairs
    settings.memoryBytes = memoryBytes
    settings.seed = seed
    let verifier = try HostVerifier(
      baseline: problem.baseline, settings, store: store, report: report)
    let known = try verifier.known()
    let candidates = CandidatePool.spread(
      result.contenders.map(\.architecture), count: pool,
      measured: known.measurements.map(\.shape).filter(problem.admits)
        .map { $0.architecture(like: problem.baseline) })
    let outcome = try ClosedLoop(
      scenario, baseline: problem.baseline, pool: candidates, settings: loop, measurer: verifier,
      report: report
    ).run(known: known.measurements)
    try verifier.close()
    let warnings =
      known.otherBuilds.isEmpty
      ? []
      : [
        "measurements of other builds are taken over: \(known.otherBuilds.joined(separator: ", "))"
      ]
    return (outcome, warnings)
  }

  /// The first scenario on this machine, else the first workload as this machine would serve it.
  private func hostScenario(_ host: () throws -> DeviceProfile) throws -> Scenario {
    let scenarios = result.problem.scenarios
    if let own = scenarios.first(where: { $0.engine == .dyno && $0.profile.limits.kind == .cpu }) {
      return own
    }
    let cache = scenarios[0].settings.cache
    return Scenario(
      profile: try host(), engine: .dyno,
      settings: Predictor.Settings(weights: scenarios[0].settings.weights, cache: cache),
      workload: scenarios[0].workload)
  }
}

/// What a closed loop chooses from.
enum CandidatePool {
  /// The best candidates, of near copies the best one: measuring both says nothing twice.
  ///
  /// - Parameter measured: what was measured already, which stays, whatever the host's limits make of
  ///   it today.
  static func spread(
    _ candidates: [Architecture], count: Int, measured: [Architecture]
  ) -> [Architecture] {
    var chosen: [Architecture] = []
    for architecture in measured where !chosen.contains(where: { Shape($0) == Shape(architecture) })
    {
      chosen.append(architecture)
    }
    for candidate in candidates where chosen.count < count {
      let shape = Shape(candidate)
      if !chosen.contains(where: { ShapeDistance.areCopies(Shape($0), shape) }) {
        chosen.append(candidate)
      }
    }
    return chosen
  }
}
