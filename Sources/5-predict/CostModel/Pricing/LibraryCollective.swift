import Foundation

/// A collective of NCCL.
///
/// ```
/// steps  = 2(p - 1) of an all-reduce, p - 1 of the others, times `pairwise` of an all-to-all
/// rate   = link, of links that all share ·(2/p)^contention
/// eager  = launch + hop·steps + wire/(rate·flagged_share)                 LL, LL128: flags beside data
/// simple = launch + simple + simple_hop·steps + wire/(rate·link_share) + local·bytes/link
/// t      = (eager⁻⁶ + simple⁻⁶)^(-1/6)
/// ```
/// NCCL chooses its protocol by size (https://github.com/NVIDIA/nccl, `src/graph/tuning.cc`); the soft
/// minimum stands for that choice.
public struct LibraryCollective: CostForm {
  public typealias Shape = CollectiveShape

  public static let family = "library_collective"
  public static let coefficients = [
    Coefficient("launch", nominal: 6e-6, spread: 0.4, carries: false, "seconds of an empty call"),
    Coefficient("hop", nominal: 8e-7, spread: 0.3, carries: false, "seconds of a step"),
    Coefficient(
      "flagged_share", nominal: 0.25, spread: 0.4, carries: false,
      "share of the link that protocols with flags reach"),
    Coefficient(
      "simple", nominal: 2e-5, spread: 0.5, carries: false,
      "seconds that the protocol without flags needs more"),
    Coefficient(
      "simple_hop", nominal: 5e-7, spread: 0.7, carries: false, "seconds of a step of that"),
    Coefficient(
      "link_share", nominal: 0.8, spread: 0.15, carries: false,
      "share of the link that the protocol without flags reaches"),
    Coefficient(
      "local", nominal: 0.3, spread: 0.5, carries: false,
      "bytes of the whole tensor over the link's bandwidth count so many times: local copies"),
    Coefficient(
      "contention", nominal: 1.9, spread: 0.2, carries: false,
      "how the rate of shared links falls with the devices"),
    Coefficient(
      "pairwise", nominal: 0.8, spread: 0.4, carries: false,
      "steps of an all-to-all, over p - 1"),
    Coefficient(
      "host", nominal: 3e-5, spread: 0.7, carries: false, isOfHost: true,
      "seconds of the host for a call by itself"),
  ]

  private let context: DeviceContext
  private let launch, hop, flaggedShare, simple, simpleHop, linkShare, local: Double
  private let contention, pairwise, host: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    hop = values[1]
    flaggedShare = values[2]
    simple = values[3]
    simpleHop = values[4]
    linkShare = values[5]
    local = values[6]
    contention = values[7]
    pairwise = values[8]
    host = values[9]
  }

  public func cost(_ shape: CollectiveShape) -> OperatorCost {
    guard shape.devices > 1 else {
      return OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0)
    }
    let others = Double(shape.devices - 1)
    let steps =
      switch shape.operation {
      case .allReduce: 2 * others
      case .allGather, .reduceScatter: others
      case .allToAll: pairwise * others
      }
    let rate =
      context.sharesLinks
      ? context.linkBandwidth * pow(2 / Double(shape.devices), contention) : context.linkBandwidth
    let flagged = launch + hop * steps + shape.wireBytes / (rate * flaggedShare)
    let moving =
      shape.wireBytes / (rate * linkShare) + local * shape.bytes / context.linkBandwidth
    let plain = launch + simple + simpleHop * steps + moving
    let larger = max(flagged, plain)
    let least = min(flagged, plain)
    let ratio = least / larger
    let cubed = ratio * ratio * ratio
    let captured = least / pow(1 + cubed * cubed, 1 / 6)
    return OperatorCost(
      seconds: shape.eager(captured, host: host, bandwidth: context.bandwidth), compute: 0,
      bandwidth: moving, latency: launch + hop * steps)
  }

  public static func floorSeconds(_ shape: CollectiveShape, _ context: DeviceContext) -> Double {
    shape.leastBytes / context.linkBandwidth
  }

  public static func regime(_ shape: CollectiveShape) -> String { shape.regimeName }

  public static func features(_ shape: CollectiveShape) -> [(name: String, value: Double)] {
    shape.featureValues
  }
}
