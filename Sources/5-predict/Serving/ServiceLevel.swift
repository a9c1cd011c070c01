import Foundation
import Requests

/// What clients are promised: most seconds until a request's first token, between its tokens, and until
/// its last.
public struct ServiceLevel: Hashable, Sendable {
  public var timeToFirstToken: Double?
  public var timePerOutputToken: Double?
  public var latency: Double?

  /// Share of requests that must meet it for a load to count as met, as DistServe has it
  /// (arXiv 2401.09670).
  public static let attainment = 0.9

  public init(
    timeToFirstToken: Double? = nil, timePerOutputToken: Double? = nil, latency: Double? = nil
  ) {
    self.timeToFirstToken = timeToFirstToken
    self.timePerOutputToken = timePerOutputToken
    self.latency = latency
  }

  /// So many times as much time of everything, rounded up to three digits.
  public func loosened(by factor: Double) -> ServiceLevel {
    func looser(_ seconds: Double?) -> Double? {
      seconds.map { seconds in
        let unit = pow(10, floor(log10(seconds * factor)) - 2)
        return (seconds * factor / unit).rounded(.up) * unit
      }
    }
    return ServiceLevel(
      timeToFirstToken: looser(timeToFirstToken), timePerOutputToken: looser(timePerOutputToken),
      latency: looser(latency))
  }

  /// How far a request is from it: at most 1 where it is met.
  public func excess(_ request: ServingOutcome.Served) -> Double {
    var excess = 0.0
    if let timeToFirstToken { excess = max(excess, request.timeToFirstToken / timeToFirstToken) }
    if let timePerOutputToken, let own = request.timePerOutputToken {
      excess = max(excess, own / timePerOutputToken)
    }
    if let latency { excess = max(excess, request.latency / latency) }
    return excess
  }
}

extension ServingOutcome {
  /// Share of requests that meet a service level.
  public func attainment(_ level: ServiceLevel) -> Double {
    guard !requests.isEmpty else { return 0 }
    return Double(requests.count { level.excess($0) <= 1 }) / Double(requests.count)
  }

  /// Requests a second that meet it.
  public func goodput(_ level: ServiceLevel) -> Double { requestsPerSecond * attainment(level) }

  /// How far the load is from meeting it: the excess of the request at the share that must.
  public func excess(_ level: ServiceLevel) -> Double {
    let sorted = requests.map(level.excess).sorted()
    guard !sorted.isEmpty else { return .infinity }
    let place = Int((ServiceLevel.attainment * Double(sorted.count)).rounded(.up)) - 1
    return sorted[max(0, min(sorted.count - 1, place))]
  }
}
