import Machine
import Numerics

/// What sampling found of one cell.
package struct CellSamples {
  package struct Sample {
    package let block: Int
    /// From the start of sampling.
    package let startSeconds: Double
    /// Of each of the plan's segments.
    package let segments: [Double]
    package let seconds: Double
    /// What the machine could do right before and after.
    package let limits: MachineLimits
    package let noise: NoiseEvidence

    init(_ run: StageRun, block: Int, startSeconds: Double, limits: MachineLimits) {
      self.block = block
      self.startSeconds = startSeconds
      segments = run.segments
      seconds = run.seconds
      self.limits = limits
      noise = run.noise
    }
  }

  package private(set) var samples: [Sample] = []
  /// Tokens per second.
  package private(set) var rates: MedianSampling

  init(precision: Double?) { rates = MedianSampling(precision: precision) }

  mutating func add(_ sample: Sample, tokens: Int) {
    samples.append(sample)
    rates.add(Double(tokens) / sample.seconds)
  }

  /// Each sample's place and disturbances.
  func circumstances(threads: Int, quota: Double?) -> [SampleCircumstances] {
    let judge = NoiseJudge(threads: threads, quota: quota)
    let highest = samples.compactMap(\.noise.frequencyHz).max()
    return samples.map {
      SampleCircumstances(
        block: $0.block, startS: $0.startSeconds, noise: $0.noise,
        suspicions: judge.suspicions($0.noise, seconds: $0.seconds, highestFrequency: highest))
    }
  }

  /// Median seconds of each of the plan's segments.
  var segmentMedians: [Double] {
    (samples.first?.segments.indices ?? 0..<0).map { segment in
      Quantiles.median(samples.map { $0.segments[segment] })
    }
  }
}
