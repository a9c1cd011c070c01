import Input
import Requests

/// The closed loops of a run: so many clients each, every one of which sends its next request when its
/// last has ended.
public struct ServingLoads: Sendable {
  /// Clients of each loop.
  public var concurrencies: [Int]
  public var lengths: LengthDistribution
  /// Requests of each loop; `nil`: `usualRequests` for each client, or what the budget holds.
  public var requests: Int?
  /// So many of them are served first and not counted; `nil`: one for each client.
  public var warmUp: Int?

  /// Requests a client where neither they nor a small budget say otherwise, as in predictions.
  public static let usualRequests = 10
  /// What a budget leaves each client at least.
  public static let fewestRequests = 4

  /// - Throws: `InputError` that names the field.
  public init(
    _ concurrencies: [Int], _ lengths: LengthDistribution, requests: Int? = nil, warmUp: Int? = nil
  ) throws {
    if let requests {
      try ServingRequest.check(count: requests)
    }
    for clients in concurrencies {
      guard Self.clients.contains(clients) else {
        throw InputError(
          "concurrency", problem: "is \(clients)",
          expected: "\(Self.clients.lowerBound) to \(Self.clients.upperBound) clients")
      }
      guard let requests else { continue }
      let left = warmUp ?? clients
      guard left < requests else {
        throw InputError(
          "requests",
          problem: "is \(requests), of which \(left) warm up \(clients) clients",
          expected: "more than warm up")
      }
    }
    if let warmUp {
      guard warmUp >= 0 else {
        throw InputError("warm_up", problem: "is \(warmUp)", expected: "0 or more")
      }
      for clients in concurrencies where requests == nil {
        guard warmUp < Self.fewestRequests * clients else {
          throw InputError(
            "warm_up", problem: "is \(warmUp) with \(clients) clients",
            expected: "fewer than \(Self.fewestRequests) a client, or a number of requests")
        }
      }
    }
    self.concurrencies = concurrencies
    self.lengths = lengths
    self.requests = requests
    self.warmUp = warmUp
  }

  /// Sequences of one engine: more of them would be mistakes.
  private static let clients = 1...4096

  /// One of the loads, with so many requests a client.
  func load(_ clients: Int, requestsPerClient: Int, seed: UInt64) -> ServingLoad {
    ServingLoad(
      clients: clients,
      requests: lengths.requests(requests ?? requestsPerClient * clients, seed: seed),
      warmUp: warmUp ?? clients)
  }
}

/// A closed loop with its requests, in the order of sending.
package struct ServingLoad: Sendable {
  package var clients: Int
  package var requests: [ServingRequest]
  /// So many of them are not counted.
  package var warmUp: Int

  package init(clients: Int, requests: [ServingRequest], warmUp: Int = 0) {
    self.clients = clients
    self.requests = requests
    self.warmUp = warmUp
  }
}
