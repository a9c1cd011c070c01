/// How the time of a whole workload came about and what it is made of.
public struct WorkloadSummary: Codable, Sendable, Equatable {
  public enum Mode: String, Codable, Sendable {
    /// Every step ran.
    case exact
    /// Steps at sampled depths stood for the others.
    case integrated
  }

  public var mode: Mode
  /// Forward steps of the workload, and those that were timed in each sample.
  public var steps: Int
  public var timedSteps: Int
  /// Medians: reading all prompts, which makes each sequence's first token, and making the others.
  public var prefillS: Double
  public var decodeS: Double
  /// Seconds of a decode step, averaged over the workload; absent where there is none.
  public var tpotS: Double?
  /// By how much the total changes where only every other sampled depth is used, as a share of it.
  /// The error of the finer sum is smaller: a fourth of it where the time is smooth. 0 when exact.
  public var quadratureError: Double
  /// Share of the total by which quadrature and noise together may be off: `quadratureError` plus
  /// half the width of the median's interval. Absent with too few samples for an interval.
  public var errorBound: Double?

  public init(
    mode: Mode, steps: Int, timedSteps: Int, prefillS: Double, decodeS: Double, tpotS: Double?,
    quadratureError: Double, errorBound: Double?
  ) {
    self.mode = mode
    self.steps = steps
    self.timedSteps = timedSteps
    self.prefillS = prefillS
    self.decodeS = decodeS
    self.tpotS = tpotS
    self.quadratureError = quadratureError
    self.errorBound = errorBound
  }
}
