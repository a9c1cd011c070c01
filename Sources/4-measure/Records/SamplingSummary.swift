/// How the samples of a record came about.
public struct SamplingSummary: Codable, Sendable, Equatable {
  public enum Ending: String, Codable, Sendable {
    /// The interval of the median became as narrow as asked for.
    case precision
    /// The time was spent before that.
    case budget
    /// So many samples were asked for.
    case repetitions
  }

  public var endedBy: Ending
  /// Half the interval's width over the median, that was asked for.
  public var precisionWanted: Double?
  /// The same of the samples there are; absent where they are too few for an interval.
  public var precisionReached: Double?
  /// Seconds for all cells of the run together.
  public var budgetS: Double?
  /// Untimed runs before the first sample.
  public var warmUpRuns: Int
  /// Whether these had ceased to become faster.
  public var warmUpStationary: Bool
  /// The number of independent samples that these are worth, given their autocorrelation.
  public var effectiveSamples: Double
  public var suspectSamples: Int

  public init(
    endedBy: Ending, precisionWanted: Double?, precisionReached: Double?, budgetS: Double?,
    warmUpRuns: Int, warmUpStationary: Bool, effectiveSamples: Double, suspectSamples: Int
  ) {
    self.endedBy = endedBy
    self.precisionWanted = precisionWanted
    self.precisionReached = precisionReached
    self.budgetS = budgetS
    self.warmUpRuns = warmUpRuns
    self.warmUpStationary = warmUpStationary
    self.effectiveSamples = effectiveSamples
    self.suspectSamples = suspectSamples
  }
}
