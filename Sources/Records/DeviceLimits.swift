import Architectures

/// What a device can do at best: the vendor's numbers, or this host's measured ones.
public struct DeviceLimits: Equatable, Sendable {
  /// Dense FLOP/s (a multiply-add is 2) with weights of a dtype.
  public var peakFLOPs: [DType: Double]
  /// Bytes per second read from memory.
  public var memoryBandwidth: Double
  /// Bytes.
  public var memoryCapacity: Double
  /// What runs tiles independently: streaming multiprocessors, compute units, cores.
  public var units: Int
  /// Bytes of the last cache.
  public var lastLevelCache: Double
  /// Bytes per second to each other device, one direction; 0 where there are no links.
  public var linkBandwidth: Double
  /// Bytes of one activation.
  public var activationBytes: Double

  public init(
    peakFLOPs: [DType: Double], memoryBandwidth: Double, memoryCapacity: Double, units: Int,
    lastLevelCache: Double, linkBandwidth: Double, activationBytes: Double
  ) {
    self.peakFLOPs = peakFLOPs
    self.memoryBandwidth = memoryBandwidth
    self.memoryCapacity = memoryCapacity
    self.units = units
    self.lastLevelCache = lastLevelCache
    self.linkBandwidth = linkBandwidth
    self.activationBytes = activationBytes
  }
}
