import Formats
import Records

/// What a prediction's interval rests on: runs that were compared, and what of it none of them was.
///
/// Each thing that was never checked adds the variance of such a jump. That of several devices is what it
/// was elsewhere (`dyno-cost-study jumps`: deviations of logarithms, as of normal errors, 1.4826 times the
/// median); the others are assumed.
public struct IntervalBasis: Sendable, Equatable {
  /// Something that no compared run was of.
  public enum Jump: Sendable, Equatable {
    /// No run of the device and engine at all; operators on this rung.
    case engine(Rung)
    /// So many devices that share each layer.
    case devices(Int)
    /// So many stages of layers.
    case stages(Int)
    /// Storage of weights or of the cache.
    ///
    /// - hasKernels: whether matrices of such weights were timed alone, here or on another device.
    case precision(weights: NumberStorage, cache: NumberStorage, hasKernels: Bool)

    /// Standard deviation that it adds.
    public var deviation: Double {
      switch self {
      case .engine(.nominal): 0.15
      case .engine(.transferred): 0.1
      case .engine: 0.08
      // The root mean square over two GPUs and two engines, of fits to one GPU's runs.
      case .devices: 0.1
      // No run of stages is published: as far as of devices.
      case .stages: 0.1
      // No whole run of narrow weights is compared: as far as of devices. With kernels of another
      // storage whole batches are off by a quarter (fp8 and fp8 in blocks by each other's); what the
      // cache is stored in hardly matters.
      case .precision(_, _, let hasKernels): hasKernels ? 0.1 : 0.25
      }
    }
  }

  /// Runs of the device and engine that were compared; 0 where there are none.
  public var runs: Int
  /// Standard deviation of the logarithm of a prediction with exact coefficients that those runs show.
  public var scatter: Double
  public var jumps: [Jump]

  /// Of the logarithm of a prediction whose coefficients are exact.
  public var variance: Double {
    jumps.reduce(scatter * scatter) { $0 + $1.deviation * $1.deviation }
  }
}
