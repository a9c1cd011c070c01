import CostModel
import Model
import ScalingLaws

/// A candidate with everything that is known of it.
public struct SearchCandidate: Sendable {
  /// One scenario's prediction.
  public struct Served: Sendable {
    /// Of the static batch.
    public let prediction: Prediction
    /// What clients see under the scenario's load; `nil` where it has none.
    public let load: LoadOutcome?
    /// Natural logarithm of the objective over the baseline's, and its standard deviation: of a static
    /// batch's throughput.
    public let logGain: Double
    public let logGainDeviation: Double
    /// The chance that it is faster than the baseline.
    public let probabilityBeatsBaseline: Double

    /// Tokens made a second.
    public var outputTokensPerSecond: Double {
      load?.outputTokensPerSecond ?? prediction.point.outputTokensPerSecond
    }
    /// Half-width of its 90% interval, in natural logarithms.
    public var spread: Double { load?.intervals.throughput ?? prediction.spreads.throughput }
  }

  public let architecture: Architecture
  /// Whether it is of the budget's size: a baseline may be of another.
  public let isOfSize: Bool
  /// At the budget's `N`: of an architecture of another size it is not the loss.
  public let loss: LossPrediction
  /// The chance that a training run ends at or below the target; `nil` where nothing is known of
  /// the law's uncertainty, and of another size.
  public let probabilityMeetsTarget: Double?
  /// In the order of the scenarios.
  public let served: [Served]
  /// Natural logarithm of the gain, all scenarios combined, and a bound on its standard deviation
  /// (as if the scenarios' errors were one).
  public let logGain: Double
  public let logGainDeviation: Double
  public let probabilityBeatsBaseline: Double
  /// Whether a training run says that its GQA costs no loss.
  public let isGQAVerified: Bool
  /// Whether its layers follow the baseline's pattern: laws do not see another one.
  public let isPatternVerified: Bool
  /// Whether it is dense or has the baseline's experts: what the law of mixtures leaves out is no matter
  /// then.
  public let areExpertsVerified: Bool
  /// Whether it cannot be told from the fastest within the errors.
  public var isTied = false

  /// Whether it meets the service levels of all loads.
  public var meetsLevels: Bool { served.allSatisfy { $0.load?.meetsLevel ?? true } }
  public var shape: Shape { Shape(architecture) }
  /// False of another size.
  public var meetsTarget = false

  /// In what it leaves what the law and the cost model were fitted to.
  public var extrapolated: [String] {
    (isOfSize ? loss.extrapolated : [])
      + served.flatMap { served in
        served.prediction.extrapolated.map { "\($0) is outside what the cost model was fitted to" }
      }
  }
}
