/// Rows that go to the devices of their experts, or come back. Nominal: no measurement tells it.
///
/// `t = latency + (p - 1)/p·bytes / (link·share)`: of what a device holds, all but its own part
/// leaves it.
package struct AllToAll: Sendable {
  static let latency = 2e-5
  static let linkShare = 0.5

  private let rate: Double

  package init(linkBandwidth: Double) { rate = linkBandwidth * Self.linkShare }

  /// - Parameter bytes: that one device holds of all rows.
  package func seconds(bytes: Double, devices: Int) -> Double {
    guard devices > 1 else { return 0 }
    return Self.latency + Double(devices - 1) / Double(devices) * bytes / rate
  }
}
