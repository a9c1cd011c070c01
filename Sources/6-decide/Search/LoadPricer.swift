import CostModel
import Foundation
import Input
import Model
import Requests
import Serving

/// What a candidate gives under a load in closed form.
struct LoadEstimate {
  /// The objective, as a natural logarithm: the larger the better.
  var score: Double
  /// How far it is from the service level, as a natural logarithm: at most 0 where it is met.
  var excess: Double
  var outputTokensPerSecond: Double
  var timeToFirstToken: Double
}

/// What a candidate's clients see under a load, simulated.
public struct LoadOutcome: Sendable {
  /// The objective, as a natural logarithm: the larger the better.
  public let score: Double
  /// How far it is from the service level, as a natural logarithm: at most 0 where it is met.
  public let excess: Double
  public let requestsPerSecond: Double
  public let outputTokensPerSecond: Double
  public let timeToFirstToken: Distribution
  public let timePerOutputToken: Distribution
  public let latency: Distribution
  /// Share of requests that meet the service level; `nil` without one.
  public let attainment: Double?
  /// In the price's currency; `nil` without a price.
  public let costPerMillionOutputTokens: Double?
  /// Half-widths of 90% intervals, in natural logarithms.
  public let intervals: ServingIntervals

  public var meetsLevel: Bool { excess <= 0 }
}

/// Prices candidates under one scenario's load. One a thread.
final class LoadPricer {
  private let predictor: Predictor
  private let load: ScenarioLoad
  private let setup: ServingSetup

  init(_ predictor: Predictor, _ load: ScenarioLoad) {
    self.predictor = predictor
    self.load = load
    setup = ServingSetup(predictor.engine)
  }

  /// As many requests as `dyno predict` asks for, and its seed: the figures are the same.
  private static let seed: UInt64 = 0
  private static let requestsOfRates = 1000
  private static let requestsOfLevels = 2048
  private static func requests(clients: Int) -> Int { min(10 * clients, 100_000) }

  /// - Throws: `InputError` where the devices do not hold it.
  private func server(_ architecture: Architecture) throws -> ServingPredictor {
    var clients: Int?
    if case .closedLoop(let concurrency) = load.demand { clients = concurrency }
    return try ServingPredictor(
      predictor, architecture, setup, longest: (load.lengths.input, load.lengths.output),
      concurrency: clients)
  }

  // MARK: In closed form

  /// - Returns: `nil` where the devices do not hold it.
  func estimate(_ architecture: Architecture) -> LoadEstimate? { try? estimated(architecture) }

  /// - Throws: `InputError` where the devices do not hold it, with what they would.
  func estimated(_ architecture: Architecture) throws -> LoadEstimate {
    let (state, beyond) = try self.state(architecture)
    let tokens = state.requestsPerSecond * load.lengths.means.output
    return LoadEstimate(
      score: score(state.requestsPerSecond, tokens, state.latency),
      excess: log(max(beyond, load.level?.excess(state) ?? 0)), outputTokensPerSecond: tokens,
      timeToFirstToken: state.timeToFirstToken)
  }

  /// Sequences that run at once, as far as the closed form knows.
  func sequences(_ architecture: Architecture) throws -> Int {
    try state(architecture).state.sequences
  }

  /// - Returns: and by how much more than it holds a server is asked for, where it is.
  private func state(
    _ architecture: Architecture
  ) throws -> (state: SteadyLoad.State, beyond: Double) {
    let steady = try server(architecture).steady(load.lengths)
    switch load.demand {
    case .closedLoop(let concurrency): return (steady.closedLoop(concurrency), 0)
    case .rate(let rate):
      if let state = steady.rate(rate) { return (state, 0) }
      let busiest = steady.closedLoop(steady.mostSequences)
      return (busiest, rate / busiest.requestsPerSecond)
    case .highestRate: return (steady.highestRate(under: load.level!), 0)
    }
  }

  private func score(_ requests: Double, _ tokens: Double, _ latency: Double) -> Double {
    load.score(
      requestsPerSecond: requests, outputTokensPerSecond: tokens, latency: latency,
      devices: predictor.settings.tensorParallel)
  }

  // MARK: Simulated

  /// - Throws: `InputError` where the devices do not hold it.
  func simulate(_ architecture: Architecture) throws -> LoadOutcome {
    let server = try server(architecture)
    switch load.demand {
    case .closedLoop(let concurrency):
      let asked = load.lengths.requests(Self.requests(clients: concurrency), seed: Self.seed)
      return seen(architecture, try server.run(asked, .closedLoop(concurrency: concurrency)))
    case .rate(let rate):
      let asked = load.lengths.requests(Self.requestsOfRates, seed: Self.seed)
      let process = try ArrivalProcess(rate: rate)
      let most = try server.saturatedRate(asked)
      return seen(
        architecture, try server.run(process.timed(asked, seed: Self.seed), .open),
        beyond: rate / most)
    case .highestRate:
      let asked = load.lengths.requests(Self.requestsOfLevels, seed: Self.seed)
      let found = try server.highestRate(under: load.level!, asked, seed: Self.seed)
      return seen(architecture, found.outcome, rate: found.rate)
    }
  }

  /// - Parameters:
  ///   - rate: at which requests came, where it is what was asked for.
  ///   - beyond: what was asked for over what the server holds.
  private func seen(
    _ architecture: Architecture, _ outcome: ServingOutcome, rate: Double? = nil, beyond: Double = 0
  ) -> LoadOutcome {
    // Of arrivals at a rate, the run's end is no part of what the server keeps up.
    let requests = rate ?? outcome.requestsPerSecond
    let tokens = rate.map { $0 * load.lengths.means.output } ?? outcome.outputTokensPerSecond
    let latency = outcome.latency
    return LoadOutcome(
      score: score(requests, tokens, latency.mean),
      excess: log(max(beyond, load.level.map(outcome.excess) ?? 0)), requestsPerSecond: requests,
      outputTokensPerSecond: tokens, timeToFirstToken: outcome.timeToFirstToken,
      timePerOutputToken: outcome.timePerOutputToken, latency: latency,
      attainment: load.level.map(outcome.attainment),
      costPerMillionOutputTokens: load.price?.perMillionTokens(
        tokens, devices: predictor.settings.tensorParallel),
      intervals: ServingIntervals(predictor, for: [architecture]))
  }
}
