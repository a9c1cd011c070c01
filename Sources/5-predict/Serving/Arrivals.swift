import Foundation
import Input
import Numerics
import Requests

/// When requests come that do not wait for others to end.
public struct ArrivalProcess: Hashable, Sendable {
  /// Requests a second, on average.
  public var rate: Double
  /// Shape of the gamma distribution of the times between arrivals: 1 for a Poisson process, less for
  /// bursts (vLLM's `--burstiness`).
  public var burstiness: Double

  /// - Throws: `InputError` that names the field.
  public init(rate: Double, burstiness: Double = 1) throws {
    guard rate.isFinite, rate > 0, rate <= 1e6 else {
      throw InputError("rate", problem: "is \(rate)", expected: "more than 0 requests a second")
    }
    guard (0.01...1000).contains(burstiness) else {
      throw InputError("burstiness", problem: "is \(burstiness)", expected: "0.01 to 1000")
    }
    self.rate = rate
    self.burstiness = burstiness
  }

  /// The same requests with times of arrival, from 0 on.
  public func timed(_ requests: [ServingRequest], seed: UInt64) -> [ServingRequest] {
    var random = SeededGenerator(seed: seed)
    var time = 0.0
    return requests.map { request in
      var request = request
      time += gamma(&random) / (burstiness * rate)
      request.arrival = time
      return request
    }
  }

  /// A gamma variate of scale 1 (Marsaglia and Tsang 2000).
  private func gamma(_ random: inout SeededGenerator) -> Double {
    if burstiness == 1 { return -log(unit(&random)) }
    let raised = burstiness < 1 ? burstiness + 1 : burstiness
    let boost = burstiness < 1 ? pow(unit(&random), 1 / burstiness) : 1
    let d = raised - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = (-2 * log(unit(&random))).squareRoot() * cos(2 * Double.pi * unit(&random))
      let v = 1 + c * x
      guard v > 0 else { continue }
      let cube = v * v * v
      if log(unit(&random)) < x * x / 2 + d - d * cube + d * log(cube) { return boost * d * cube }
    }
  }

  /// Uniform in (0, 1].
  private func unit(_ random: inout SeededGenerator) -> Double {
    1 - Double.random(in: 0..<1, using: &random)
  }
}
