import Foundation

/// The engine's own all-reduce: a kernel that reads its peers' memory (vLLM's
/// `csrc/custom_all_reduce.cuh`; TensorRT-LLM has one alike).
///
/// ```
/// one step:  launch + peer·p + (p - 1)·bytes/(link·link_share)         each reads all of the others
/// two steps: launch + (peer + second)·p + 2(p - 1)/p·bytes/(link·link_share)
/// ```
/// One step for two devices, below 512 KiB for up to four and below 256 KiB for up to eight.
public struct PeerAllReduce: CostForm {
  public typealias Shape = CollectiveShape

  public static let family = "peer_all_reduce"
  public static let coefficients = [
    Coefficient("launch", nominal: 4.6e-6, spread: 0.3, carries: false, "seconds of an empty call"),
    Coefficient(
      "peer", nominal: 1.2e-7, spread: 0.7, carries: false, "seconds to meet one device"),
    Coefficient(
      "second", nominal: 1e-6, spread: 0.4, carries: false, "the same of the second step"),
    Coefficient(
      "link_share", nominal: 0.63, spread: 0.15, carries: false,
      "share of the link that reading peers reaches"),
    Coefficient(
      "host", nominal: 3e-5, spread: 0.7, carries: false, isOfHost: true,
      "seconds of the host for a call by itself"),
  ]

  private let context: DeviceContext
  private let launch, peer, second, rate, host: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    peer = values[1]
    second = values[2]
    rate = context.linkBandwidth * values[3]
    host = values[4]
  }

  public func cost(_ shape: CollectiveShape) -> OperatorCost {
    let devices = Double(shape.devices)
    let isOneStep =
      shape.devices == 2 || shape.devices <= 4 && shape.bytes < 524_288
      || shape.devices <= 8 && shape.bytes < 262_144
    let meeting = launch + (peer + (isOneStep ? 0 : second)) * devices
    let moving = (isOneStep ? (devices - 1) * shape.bytes : shape.wireBytes) / rate
    return OperatorCost(
      seconds: shape.eager(meeting + moving, host: host, bandwidth: context.bandwidth), compute: 0,
      bandwidth: moving, latency: meeting)
  }

  /// Engines run it for up to 8 MiB between devices that all reach each other, in twos, fours, sixes
  /// and eights (vLLM's `should_custom_ar`).
  public static func runs(_ shape: CollectiveShape, _ context: DeviceContext) -> Bool {
    shape.operation == .allReduce && [2, 4, 6, 8].contains(shape.devices)
      && shape.bytes < 8_388_608 && (shape.devices == 2 || !context.sharesLinks)
  }

  public static func floorSeconds(_ shape: CollectiveShape, _ context: DeviceContext) -> Double {
    shape.leastBytes / context.linkBandwidth
  }

  public static func regime(_ shape: CollectiveShape) -> String { shape.regimeName }

  public static func features(_ shape: CollectiveShape) -> [(name: String, value: Double)] {
    shape.featureValues
  }
}
