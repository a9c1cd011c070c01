import Numerics
import Records

/// What sampling found of one cell.
struct CellSamples {
  struct Sample {
    let block: Int
    /// From the start of sampling.
    let startSeconds: Double
    /// Of each of the plan's segments.
    let segments: [Double]
    let seconds: Double
    /// What the machine could do right before and after.
    let limits: MachineLimits
    let noise: NoiseEvidence
  }

  private(set) var samples: [Sample] = []
  /// Tokens per second.
  private(set) var rates: MedianSampling

  init(precision: Double?) { rates = MedianSampling(precision: precision) }

  mutating func add(_ sample: Sample, tokens: Int) {
    samples.append(sample)
    rates.add(Double(tokens) / sample.seconds)
  }

  /// Each sample's place and disturbances.
  func circumstances(threads: Int) -> [SampleCircumstances] {
    let judge = NoiseJudge(threads: threads)
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
