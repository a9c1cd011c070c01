import Formats
import Model

/// What a device can do at best: the vendor's numbers, or this host's measured ones.
public struct DeviceLimits: Equatable, Sendable {
  /// How its kernels are cut: what a tile is, and whether it is padded.
  public enum Kind: String, Codable, CaseIterable, Sendable { case gpu, cpu }

  public var kind: Kind
  /// Dense FLOP/s (a multiply-add is 2) with weights of a dtype.
  public var peakFLOPs: [DType: Double]
  /// The same in arithmetic that no dtype of this engine's has: fp8, int8, fp4.
  public var narrowPeakFLOPs: [Arithmetic: Double]
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
  /// Sustained clock of a unit, Hz.
  public var clock: Double
  /// Bytes of scratch memory of a unit that blocks share; 0 where there is none.
  public var sharedMemory: Double
  /// NVIDIA's compute capability, which decides which kernels engines run; `nil` of other vendors.
  public var computeCapability: Double?
  /// Whether traffic between devices crosses bridges that all share (PCIe), not a switch of its own.
  public var sharesLinks: Bool

  public init(
    kind: Kind, peakFLOPs: [DType: Double], memoryBandwidth: Double, memoryCapacity: Double,
    units: Int,
    lastLevelCache: Double, linkBandwidth: Double, activationBytes: Double,
    clock: Double, sharedMemory: Double, narrowPeakFLOPs: [Arithmetic: Double] = [:],
    computeCapability: Double? = nil, sharesLinks: Bool = false
  ) {
    self.kind = kind
    self.peakFLOPs = peakFLOPs
    self.memoryBandwidth = memoryBandwidth
    self.memoryCapacity = memoryCapacity
    self.units = units
    self.lastLevelCache = lastLevelCache
    self.linkBandwidth = linkBandwidth
    self.activationBytes = activationBytes
    self.clock = clock
    self.sharedMemory = sharedMemory
    self.narrowPeakFLOPs = narrowPeakFLOPs
    self.computeCapability = computeCapability
    self.sharesLinks = sharesLinks
  }
}
