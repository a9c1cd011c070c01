import Records

/// Baseline and candidate, run in turns.
protocol PairSource: AnyObject {
  var cellCount: Int { get }
  /// Seconds since the first pair could have been measured.
  var elapsedSeconds: Double { get }

  /// Runs both sides of a cell, one right after the other, in an order drawn by coin.
  ///
  /// - Parameter stretch: share of its duration by which the candidate's sections are made longer.
  func pair(cell: Int, stretch: Double) throws -> MeasuredPair

  /// Starts both sides anew, where that costs little: whatever a process drew by luck, such as where
  /// its memory lies, is drawn again.
  func restart() throws
}

/// One block of runs of each side.
struct MeasuredPair {
  /// Seconds of one run.
  var baseline: Double
  var candidate: Double
  var isSuspect = false
}
