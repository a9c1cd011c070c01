import Records
import Store

/// What became of a sweep.
public struct SweepSummary: Encodable, Sendable {
  public struct FailedCell: Encodable, Sendable {
    public let cell: String
    public let block: Int
    public let failure: FailureRecord.Failure
  }

  /// Cells times blocks, of this shard.
  public var units: Int
  /// By this run.
  public var measured = 0
  /// Measured before, or by somebody else meanwhile.
  public var present = 0
  /// Failed before and not tried again.
  public var failedBefore = 0
  /// In this run.
  public var failures: [FailedCell] = []

  init(units: Int) { self.units = units }

  /// Units still to be measured: the sweep was stopped.
  public var remaining: Int { units - measured - present - failedBefore - failures.count }

  mutating func skip(_ state: ResultStore.UnitState) {
    if state.measured { present += 1 } else { failedBefore += 1 }
  }
}
