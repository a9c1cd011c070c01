import Harness
import Machine
import Numerics
import Testing

@Suite struct SamplingTests {
  @Test func warmUpEndsWhenTimesNoLongerFall() {
    var warmUp = WarmUp()
    for seconds in [0.9, 0.5, 0.3, 0.2, 0.15, 0.12] { warmUp.add(seconds: seconds) }
    #expect(!warmUp.isStationary)
    warmUp = WarmUp()
    for seconds in [0.3, 0.1, 0.101, 0.105] { warmUp.add(seconds: seconds) }
    #expect(!warmUp.isStationary && !warmUp.isOver)
    warmUp.add(seconds: 0.099)
    #expect(warmUp.isStationary && warmUp.isOver)
    // Long steps are not repeated for the sake of warmth, but the record says so.
    warmUp = WarmUp()
    warmUp.add(seconds: 5)
    #expect(warmUp.isOver && !warmUp.isStationary)
    // A time that never settles does not hold up the run.
    warmUp = WarmUp()
    for index in 0..<20 { warmUp.add(seconds: 0.05 * (1 - 0.03 * Double(index))) }
    #expect(warmUp.isOver && !warmUp.isStationary)
  }

  @Test func samplingEndsAtThePrecision() throws {
    var generator = SeededGenerator(seed: 1, stream: 0)
    var sampling = MedianSampling(precision: 0.01)
    while !sampling.isPrecise { sampling.add(100 + 3 * generator.normal()) }
    #expect((20...1000).contains(sampling.values.count), "\(sampling.values.count)")
    #expect(try #require(sampling.halfWidth) <= 0.01)
    var endless = MedianSampling(precision: nil)
    for _ in 0..<100 { endless.add(1) }
    #expect(!endless.isPrecise && endless.interval == 1...1)
  }

  /// Stopping as soon as the interval is narrow must not make it miss more often than 5%.
  @Test func intervalsHoldWhenTheyStopTheRun() {
    let trials = 1000
    let missed = Bootstrap.replicate(trials, seed: 8) { generator in
      var sampling = MedianSampling(precision: 0.02)
      while !sampling.isPrecise, sampling.values.count < 400 {
        sampling.add(100 + 5 * generator.normal())
      }
      return sampling.interval.map { !$0.contains(100) } ?? true
    }.count { $0 }
    #expect(missed <= trials * 6 / 100, "\(missed) of \(trials)")
  }

  @Test func suspectSamplesAndWhatToDo() {
    let judge = NoiseJudge(threads: 2)
    func suspicions(_ noise: NoiseEvidence, _ seconds: Double = 1) -> [Suspicion] {
      judge.suspicions(noise, seconds: seconds, highestFrequency: 3e9)
    }
    #expect(suspicions(NoiseEvidence(stealS: 0.01, involuntarySwitches: 9, migrations: 0)) == [])
    #expect(suspicions(NoiseEvidence(stealS: 0.03)) == [.steal])
    #expect(suspicions(NoiseEvidence(involuntarySwitches: 11)) == [.preemption])
    #expect(suspicions(NoiseEvidence(involuntarySwitches: 1), 0.01) == [])
    #expect(
      suspicions(NoiseEvidence(migrations: 1, majorFaults: 2, frequencyHz: 2.5e9))
        == [.migration, .paging, .frequency])

    // Where threads wait for a quota, that is what interrupts them; where they do not, others do.
    let limited = NoiseJudge(threads: 2, quota: 1)
    func underQuota(_ noise: NoiseEvidence) -> [Suspicion] {
      limited.suspicions(noise, seconds: 1, highestFrequency: nil)
    }
    #expect(underQuota(NoiseEvidence(throttledS: 0.5)) == [.throttling])
    #expect(underQuota(NoiseEvidence(throttledS: 0.005, involuntarySwitches: 11)) == [.throttling])
    #expect(underQuota(NoiseEvidence(throttledS: 0.005, involuntarySwitches: 9)) == [])
    #expect(underQuota(NoiseEvidence(throttledS: 0, involuntarySwitches: 11)) == [.preemption])
    #expect(underQuota(NoiseEvidence(involuntarySwitches: 11)) == [.throttling])
    // A quota that the threads cannot use up.
    #expect(
      NoiseJudge(threads: 2, quota: 2).suspicions(
        NoiseEvidence(involuntarySwitches: 11), seconds: 1, highestFrequency: nil)
        == [.preemption])
    func warning(_ noise: NoiseEvidence, quota: Double?) -> String {
      let sample = SampleCircumstances(
        block: 0, startS: 0, noise: noise, suspicions: [.throttling])
      return NoiseJudge.warnings([sample], quota: quota).joined()
    }
    #expect(
      warning(NoiseEvidence(throttledS: 0.5), quota: 1)
        .contains("waited 0.50 s for the container's quota of 1 processor:"))
    #expect(
      warning(NoiseEvidence(involuntarySwitches: 11), quota: 1.5)
        .contains("likely by the container's quota of 1.5 processors:"))

    let samples = (0..<20).map { index in
      SampleCircumstances(
        block: index, startS: 0, noise: NoiseEvidence(stealS: 0.25),
        suspicions: index < 2 ? [.steal] : index < 3 ? [.paging] : [])
    }
    let warnings = NoiseJudge.warnings(samples)
    #expect(warnings.count == 1)
    #expect(warnings[0].hasPrefix("2 of 20 samples lost 0.50 s"))
    #expect(warnings[0].contains("a longer budget"))
  }
}
