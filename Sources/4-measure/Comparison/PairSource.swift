/// Baseline and candidate, run in turns.
package protocol PairSource: AnyObject {
  var cellCount: Int { get }
  /// How often both sides were started anew: pairs of one number are of the same processes.
  var renewals: Int { get }
  /// Seconds since the first pair could have been measured.
  var elapsedSeconds: Double { get }

  /// Runs both sides of a cell in turns, in an order drawn by coin.
  ///
  /// - Parameter stretch: share of its duration by which the candidate's sections are made longer.
  func pair(cell: Int, stretch: Double) throws -> MeasuredPair

  /// Starts both sides anew, as often as that costs little: whatever a process drew by luck, such as
  /// where its memory lies, is drawn again.
  func renewIfDue() throws
}

/// The fastest of some turns of each side.
package struct MeasuredPair {
  /// Seconds of one run.
  package var baseline: Double
  package var candidate: Double
  package var isSuspect = false

  package init(baseline: Double, candidate: Double, isSuspect: Bool = false) {
    self.baseline = baseline
    self.candidate = candidate
    self.isSuspect = isSuspect
  }
}
