import Foundation

/// Sum of a tensor over tensor-parallel devices, around a ring.
///
/// `t = latency + 2·(p - 1)/p·bytes / (link·share)`: each device sends its part p - 1 times to be
/// summed and p - 1 times to be spread (Patarasuk and Yuan 2009).
package struct AllReduce: Sendable {
  static let family = "all_reduce"
  static let coefficients = [
    Coefficient(
      "latency", nominal: 1e-5, spread: 0.7, carries: false, "seconds before bytes move"),
    Coefficient(
      "link_share", nominal: 0.7, spread: 0.3, "share of the link's bandwidth that is reached"),
  ]

  private let latency: Double
  private let rate: Double

  package init(linkBandwidth: Double, _ values: [Double]) {
    latency = values[0]
    rate = linkBandwidth * values[1]
  }

  package func cost(bytes: Double, devices: Int) -> OperatorCost {
    guard devices > 1 else { return OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0) }
    let bandwidth = 2 * Double(devices - 1) / Double(devices) * bytes / rate
    return OperatorCost(
      seconds: latency + bandwidth, compute: 0, bandwidth: bandwidth, latency: latency)
  }
}
