import Machine

/// Keeps the machine's limits known around every sample, without spending the run on them: those
/// less than half a second old still hold.
package final class LimitsWatch {
  private static let lifetime = 500_000_000  // nanoseconds

  private let stage: any SamplingStage
  private var latest: MachineLimits
  private var taken: Int

  /// The best of the whole run.
  package private(set) var best: MachineLimits

  package init(_ stage: some SamplingStage) {
    self.stage = stage
    best = stage.sampleLimits()
    best = best.best(with: stage.sampleLimits())
    latest = stage.sampleLimits()
    best = best.best(with: latest)
    taken = stage.nanoseconds()
  }

  /// The limits right before a sample.
  package func before() -> MachineLimits {
    stage.nanoseconds() - taken > Self.lifetime ? now() : latest
  }

  /// The limits at this moment.
  @discardableResult
  package func now() -> MachineLimits {
    latest = stage.sampleLimits()
    best = best.best(with: latest)
    taken = stage.nanoseconds()
    return latest
  }

  /// The limits around a sample that just ended.
  package func after(_ before: MachineLimits) -> MachineLimits { before.best(with: self.before()) }
}
