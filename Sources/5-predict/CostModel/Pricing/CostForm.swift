import Formats
import Input
import Model
import Records

/// A formula for the time of one family of operators, with at most 16 coefficients.
///
/// Coefficients are positive and, where possible, dimensionless: relative to the device's limits,
/// so that what one device teaches can be a start for another.
public protocol CostForm: Sendable {
  /// What determines an operator's time.
  associatedtype Shape: Hashable & Sendable

  /// Names the family in device profiles.
  static var family: String { get }
  static var coefficients: [Coefficient] { get }

  /// - Parameter values: of `coefficients`, in their order.
  init(_ context: DeviceContext, _ values: [Double])

  /// Seconds, split into what binds.
  func cost(_ shape: Shape) -> OperatorCost

  /// The least time that the device's limits allow: a faster timing is no timing.
  static func floorSeconds(_ shape: Shape, _ context: DeviceContext) -> Double

  /// Shapes whose errors are alike: intervals are as wide as the errors of their regime.
  static func regime(_ shape: Shape) -> String

  /// Sizes whose fitted range a prediction should stay in.
  static func features(_ shape: Shape) -> [(name: String, value: Double)]
}

/// One coefficient of a form.
public struct Coefficient: Sendable {
  public let name: String
  public let meaning: String
  /// By physical reasoning, before any measurement.
  public let nominal: Double
  /// How far, in natural logarithms, a device may be from the nominal value: one standard
  /// deviation of the prior.
  public let spread: Double
  /// Whether the value of a device of another kind says something about this device's.
  public let carries: Bool
  /// Whether it is of the machine around the device: then no other device says anything of it.
  public let isOfHost: Bool

  public init(
    _ name: String, nominal: Double, spread: Double, carries: Bool = true, isOfHost: Bool = false,
    _ meaning: String
  ) {
    self.name = name
    self.meaning = meaning
    self.nominal = nominal
    self.spread = spread
    self.carries = carries
    self.isOfHost = isOfHost
  }
}

/// What forms need to know of a device and of how its operands are stored.
public struct DeviceContext: Sendable {
  public var kind: DeviceLimits.Kind
  /// FLOP/s.
  public var peak: Double
  /// Bytes/s.
  public var bandwidth: Double
  public var units: Double
  /// Bytes.
  public var lastLevelCache: Double
  /// Hz of a unit.
  public var clock: Double
  /// How the device computes with weights stored so.
  public var path: ArithmeticPath
  /// Which of the engines' kernels run on it.
  public var kernels: KernelGeneration
  /// Whether weights have a scale for every block of rows and columns.
  public var hasBlockScales: Bool
  /// Bytes of a weight, of an activation, of a cached key or value element.
  public var weightBytes: Double
  public var activationBytes: Double
  public var cacheBytes: Double
  /// Whether operands may be found in the last cache, as in a timing loop over one small operator;
  /// in a whole run other layers' weights have pushed them out.
  public var isWarm: Bool
  /// Bytes of scratch memory of a unit.
  public var sharedMemory: Double
  /// Bytes/s to each other device, one direction, and whether all share the way.
  public var linkBandwidth: Double
  public var sharesLinks: Bool
  /// Sizes that kernels of experts are tuned for.
  public var tunedExperts: Set<ExpertSizes>

  public init(
    _ limits: DeviceLimits, weights: NumberStorage, cache: NumberStorage, isWarm: Bool,
    tunedExperts: Set<ExpertSizes> = []
  ) throws {
    path = try ArithmeticPath(weights, limits)
    peak = path.peak
    clock = limits.clock
    kernels = KernelGeneration(limits)
    hasBlockScales = weights == .fp8Block
    bandwidth = limits.memoryBandwidth
    units = Double(limits.units)
    lastLevelCache = limits.lastLevelCache
    weightBytes = weights.bytesPerElement
    activationBytes = limits.activationBytes
    cacheBytes = cache.bytesPerElement
    self.isWarm = isWarm
    kind = limits.kind
    sharedMemory = limits.sharedMemory
    self.tunedExperts = tunedExperts
    linkBandwidth = max(1, limits.linkBandwidth)
    sharesLinks = limits.sharesLinks
  }
}

extension DeviceContext {
  /// Bytes/s that all units take from the last cache through ports of 64 bytes a clock.
  var portRate: Double { 64 * units * clock }
}

extension DeviceLimits {
  /// Whether embeddings, the head and routers are wider than such weights.
  func keepsTablesWide(_ weights: NumberStorage) -> Bool {
    kind == .gpu && weights.isOfMatricesOnly
  }

  /// What attention is computed in, where that is not what is stored: f32 on CPUs.
  var attentionArithmetic: DType? { kind == .cpu ? .f32 : nil }

  /// FLOP/s of an arithmetic; bf16 and f16 stand for each other.
  public func peak(in arithmetic: Arithmetic) -> Double? {
    switch arithmetic {
    case .f32: peakFLOPs[.f32]
    case .bf16: peak(of: .bf16)
    case .f16: peak(of: .f16)
    case .fp8, .int8, .fp4: narrowPeakFLOPs[arithmetic]
    }
  }

  /// FLOP/s with weights of `dtype`; bf16 and f16 stand for each other.
  public func peak(of dtype: DType) -> Double? {
    switch dtype {
    case .bf16: peakFLOPs[.bf16] ?? peakFLOPs[.f16]
    case .f16: peakFLOPs[.f16] ?? peakFLOPs[.bf16]
    // On CPUs, block formats are multiplied alike; a profile may know some of them only.
    default:
      peakFLOPs[dtype]
        ?? (kind == .cpu && dtype.isBlocks ? peakFLOPs[.q4_0] ?? peakFLOPs[.q8_0] : nil)
    }
  }
}

/// The time of an operator and what it would take if only one thing bound it.
public struct OperatorCost: Sendable, Equatable {
  public var seconds: Double
  public var compute: Double
  public var bandwidth: Double
  public var latency: Double

  @inlinable
  public init(seconds: Double, compute: Double, bandwidth: Double, latency: Double) {
    self.seconds = seconds
    self.compute = compute
    self.bandwidth = bandwidth
    self.latency = latency
  }

  public enum Bound: String, Codable, Sendable { case compute, bandwidth, latency }

  public var bound: Bound {
    if latency >= max(compute, bandwidth) { return .latency }
    return compute >= bandwidth ? .compute : .bandwidth
  }
}
