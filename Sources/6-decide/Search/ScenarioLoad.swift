import CostModel
import Foundation
import Input
import Requests
import Serving

/// What a scenario's server is asked for in place of a static batch: requests that come and go.
public struct ScenarioLoad: Sendable, Hashable {
  public enum Demand: Sendable, Hashable {
    /// So many clients, each of which sends its next request when its last one has ended.
    case closedLoop(concurrency: Int)
    /// Poisson arrivals, requests a second.
    case rate(Double)
    /// As many Poisson arrivals as the service level allows.
    case highestRate
  }

  /// What makes one candidate better than another.
  public enum Objective: String, CaseIterable, Sendable {
    /// Most output tokens a second.
    case throughput
    /// Most requests a second that meet the service level.
    case rate
    /// Least money for a million output tokens.
    case cost
    /// Least seconds of a request, on average.
    case latency
  }

  public let demand: Demand
  public let lengths: LengthDistribution
  /// What 90% of requests must meet; candidates that miss it are out.
  public let level: ServiceLevel?
  /// Of one device.
  public let price: HourlyPrice?
  public let objective: Objective

  /// - Parameter objective: `nil` for the demand's usual one: throughput of clients, latency at a rate.
  /// - Throws: `InputError` that names the field which the others contradict.
  public init(
    _ demand: Demand, lengths: LengthDistribution, level: ServiceLevel? = nil,
    price: HourlyPrice? = nil, objective: Objective? = nil
  ) throws {
    self.demand = demand
    self.lengths = lengths
    self.level = level
    self.price = price
    let allowed: [Objective]
    switch demand {
    case .closedLoop(let concurrency):
      guard (1...65_536).contains(concurrency) else {
        throw InputError("concurrency", problem: "is \(concurrency)", expected: "1 to 65536")
      }
      allowed = [.throughput, .cost, .latency]
    case .rate:
      // Every server that holds a rate makes the same tokens.
      allowed = [.latency]
    case .highestRate:
      guard level != nil else {
        throw InputError("slo", problem: "is missing", expected: ServiceLevel.expected)
      }
      allowed = [.rate, .cost]
    }
    self.objective = objective ?? allowed[0]
    guard allowed.contains(self.objective) else {
      throw InputError(
        "objective", problem: "\(self.objective) is none of \(Self.words(demand))",
        expected: allowed.map(\.rawValue).joined(separator: " or "))
    }
    guard self.objective != .cost || price != nil else {
      throw InputError("price", problem: "is missing", expected: HourlyPrice.expected)
    }
  }

  private static func words(_ demand: Demand) -> String {
    switch demand {
    case .closedLoop: "a closed loop of clients"
    case .rate: "a given rate"
    case .highestRate: "the highest rate under a service level"
    }
  }

  /// `concurrency 32 under ttft=500ms,tpot=30ms`.
  public var name: String {
    let load =
      switch demand {
      case .closedLoop(let concurrency): "concurrency \(concurrency)"
      case .rate(let rate): String(format: "%.4g requests/s", rate)
      case .highestRate: "its highest rate"
      }
    return load + (level.map { " under \($0)" } ?? "")
  }

  /// What the objective is of figures of a load, as a natural logarithm: the larger the better.
  func score(
    requestsPerSecond: Double, outputTokensPerSecond: Double, latency: Double, devices: Int
  ) -> Double {
    switch objective {
    case .throughput: log(outputTokensPerSecond)
    case .rate: log(requestsPerSecond)
    case .cost: -log(price!.perMillionTokens(outputTokensPerSecond, devices: devices))
    case .latency: -log(latency)
    }
  }
}
