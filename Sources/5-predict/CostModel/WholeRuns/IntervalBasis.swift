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
    case precision(weights: NumberStorage, cache: NumberStorage)

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
      // No whole run of narrow weights is compared: as far as of devices.
      case .precision: 0.1
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
