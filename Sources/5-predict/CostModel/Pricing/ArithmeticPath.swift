import Formats
import Input
import Records

/// How a device computes with weights stored in a format: what engines do where it lacks the
/// arithmetic.
///
/// A GPU that has it multiplies narrow weights with activations that are quantised first. One that
/// does not unpacks them to 16 bits in the kernel, as Marlin does (arXiv 2408.11743); of 8-bit
/// integers no engine does, and these are refused. CPUs compute with what they load.
public struct ArithmeticPath: Hashable, Sendable {
  public var arithmetic: Arithmetic
  /// FLOP/s.
  public var peak: Double
  /// Whether activations are brought to the weights' width before each product.
  public var quantizesActivations: Bool
  /// Whether weights are unpacked to 16 bits.
  public var unpacks: Bool

  /// Share of the peak that is left of arithmetic while the same units unpack weights: Marlin on
  /// large batches (arXiv 2408.11743, figure 1).
  static let unpackingShare = 0.85

  /// - Throws: `InputError` where the device cannot compute with such weights.
  init(_ weights: NumberStorage, _ limits: DeviceLimits) throws {
    guard let path = Self.found(weights, limits) else {
      let known = NumberStorage.all.filter { Self.found($0, limits) != nil }
      throw InputError(
        "peak_flops", problem: "has nothing that multiplies \(weights)",
        expected: "one of " + known.map(\.rawValue).joined(separator: ", "))
    }
    self = path
  }

  private init(_ arithmetic: Arithmetic, _ peak: Double, quantizes: Bool, unpacks: Bool) {
    self.arithmetic = arithmetic
    self.peak = peak
    quantizesActivations = quantizes
    self.unpacks = unpacks
  }

  private static func found(_ weights: NumberStorage, _ limits: DeviceLimits) -> ArithmeticPath? {
    if let dtype = weights.dtype, let peak = limits.peak(of: dtype) {
      return ArithmeticPath(weights.arithmetic, peak, quantizes: false, unpacks: false)
    }
    guard limits.kind == .gpu, weights != .f32 else { return nil }
    if let peak = limits.narrowPeakFLOPs[weights.arithmetic] {
      return ArithmeticPath(weights.arithmetic, peak, quantizes: true, unpacks: false)
    }
    guard weights != .int8, let peak = limits.peak(of: .bf16) else { return nil }
    return ArithmeticPath(.bf16, peak * unpackingShare, quantizes: false, unpacks: true)
  }
}

/// Which generation of kernels engines run on a GPU, by its compute capability.
public struct KernelGeneration: Hashable, Sendable {
  public enum Attention: Hashable, Sendable {
    /// FlashAttention-2 (arXiv 2307.08691).
    case flash2
    /// FlashAttention-3 (arXiv 2407.08608), which vLLM runs on compute capability 9.
    case flash3
  }

  public var attention: Attention
  /// Whether a unit's copies from memory are asynchronous and in bulk, so that a walk along k or
  /// over a cache waits less for each step (Hopper's and datacentre Blackwell's TMA).
  public var copiesInBulk: Bool
  /// Whether products of fp8 are those of CUTLASS 2.x for compute capability 8.9.
  public var hasAdaTiles: Bool

  init(_ limits: DeviceLimits) {
    let capability = limits.computeCapability ?? 8
    attention = (9..<12).contains(capability) ? .flash3 : .flash2
    copiesInBulk = (9..<12).contains(capability)
    hasAdaTiles = capability < 9
  }
}
