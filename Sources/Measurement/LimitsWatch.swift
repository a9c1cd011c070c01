import Host
import Records

/// Keeps the machine's limits known around every sample, without spending the run on them: those
/// less than half a second old still hold.
final class LimitsWatch {
  private static let lifetime = 500_000_000  // nanoseconds

  private let meter: LimitsMeter
  private var latest: MachineLimits
  private var taken: Int

  /// The best of the whole run.
  var best: MachineLimits { meter.limits }

  init(_ meter: LimitsMeter) {
    self.meter = meter
    for _ in 0..<2 { meter.sample() }
    latest = meter.sample()
    taken = SteadyClock.nanoseconds()
  }

  /// The limits right before a sample.
  func before() -> MachineLimits {
    SteadyClock.nanoseconds() - taken > Self.lifetime ? now() : latest
  }

  /// The limits at this moment.
  func now() -> MachineLimits {
    latest = meter.sample()
    taken = SteadyClock.nanoseconds()
    return latest
  }

  /// The limits around a sample that just ended.
  func after(_ before: MachineLimits) -> MachineLimits { before.best(with: self.before()) }
}
