import Machine

/// What a sampling loop needs of the world: time, the machine's limits, and runs of the cells. Tests
/// have one whose time is counted rather than spent.
package protocol SamplingStage: AnyObject {
  /// Of a steady clock.
  func nanoseconds() -> Int
  /// Takes one sample of the machine's limits.
  func sampleLimits() -> MachineLimits
  /// Runs a cell once.
  func run(_ cell: Int) throws -> StageRun
}

/// One run of a cell.
package struct StageRun {
  /// Seconds of each of the plan's segments.
  package var segments: [Double]
  /// Of the test.
  package var seconds: Double
  package var noise: NoiseEvidence

  package init(segments: [Double], seconds: Double, noise: NoiseEvidence = NoiseEvidence()) {
    self.segments = segments
    self.seconds = seconds
    self.noise = noise
  }
}

/// This machine, with the models of a test bed.
final class TestBedStage: SamplingStage {
  private let bed: TestBed
  private let meter: LimitsMeter
  private let probe: NoiseProbe

  init(_ bed: TestBed, _ meter: LimitsMeter) {
    self.bed = bed
    self.meter = meter
    probe = NoiseProbe(processors: Array(bed.topology.processors.prefix(bed.team.count)))
  }

  func nanoseconds() -> Int { SteadyClock.nanoseconds() }

  func sampleLimits() -> MachineLimits { meter.sample() }

  func run(_ index: Int) throws -> StageRun {
    let cell = bed.cells[index]
    let reading = probe.read()
    let segments = try cell.time()
    return StageRun(
      segments: segments, seconds: cell.plan.total(segments), noise: probe.evidence(since: reading))
  }
}
