import Foundation

/// Operators of a GPU that move rows and compute little: norms, rotation, embedding, residuals.
///
/// `t = launch + bytes / (BW·share)`
public struct ElementwiseOperators: CostForm {
  public struct Shape: Hashable, Sendable {
    /// Bytes read and written, at one byte an element of an activation.
    public var bytes: Double
    public init(bytes: Double) { self.bytes = bytes }
  }

  public static let family = "elementwise"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 3e-6, spread: 1, carries: false, "seconds before any byte moves"),
    Coefficient(
      "bandwidth_share", nominal: 0.6, spread: 0.5, "share of the bandwidth that is reached"),
  ]

  private let launch: Double
  private let rate: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    launch = values[0]
    rate = context.bandwidth * values[1]
  }

  public func cost(_ shape: Shape) -> OperatorCost {
    let bandwidth = shape.bytes / rate
    return OperatorCost(
      seconds: launch + bandwidth, compute: 0, bandwidth: bandwidth, latency: launch)
  }

  public static func floorSeconds(_ shape: Shape, _ context: DeviceContext) -> Double { 0 }
  public static func regime(_ shape: Shape) -> String { "all" }
  public static func features(_ shape: Shape) -> [(name: String, value: Double)] { [] }
}
