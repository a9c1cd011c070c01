import Architectures

/// What one run of a test executes, and how the times of its parts make up the test's.
struct RunPlan {
  /// Steps that run one after another and are timed together.
  struct Segment {
    /// Positions that each sequence taking part holds before.
    var lengths: [Int: Int]
    /// Steps right before the timed ones, which bring caches into the state of a steady run.
    var leadIn: [PlannedStep] = []
    var steps: [PlannedStep]
    /// How many times its own duration the segment stands for.
    var weight = 1.0
    /// The same, had only every other depth been sampled: the difference bounds the error.
    var coarseWeight = 1.0
    var isPrefill: Bool
  }

  var segments: [Segment]
  /// Steps of the whole test.
  var stepCount: Int

  var timedSteps: Int { segments.reduce(0) { $0 + $1.steps.count } }

  init(_ test: ThroughputTest, _ architecture: Architecture, chunk: Int) {
    let steps = test.steps(chunk: chunk)
    stepCount = steps.count
    if test.isIntegrated {
      segments = WorkloadIntegration(test, steps, window: architecture.slidingWindow).segments
      return
    }
    let prefill = steps.count - test.generatedTokens
    func segment(_ steps: ArraySlice<PlannedStep>, from depth: Int, isPrefill: Bool) -> Segment {
      let lengths = Dictionary(uniqueKeysWithValues: (0..<test.batch).map { ($0, depth) })
      return Segment(lengths: lengths, steps: Array(steps), isPrefill: isPrefill)
    }
    segments = []
    if prefill > 0 {
      segments.append(segment(steps[..<prefill], from: test.depth, isPrefill: true))
    }
    if test.generatedTokens > 0 {
      segments.append(
        segment(steps[prefill...], from: test.depth + test.promptTokens, isPrefill: false))
    }
  }

  /// The test's seconds, given those of the segments.
  func total(_ seconds: [Double]) -> Double {
    zip(segments, seconds).reduce(0) { $0 + $1.0.weight * $1.1 }
  }

  /// The part of them that reading prompts takes.
  func prefill(_ seconds: [Double]) -> Double {
    zip(segments, seconds).reduce(0) { $1.0.isPrefill ? $0 + $1.0.weight * $1.1 : $0 }
  }

  /// By how much the total changes where only every other depth is used, as a share of it.
  func quadratureError(_ seconds: [Double]) -> Double {
    let coarse = zip(segments, seconds).reduce(0) { $0 + $1.0.coarseWeight * $1.1 }
    return abs(coarse / total(seconds) - 1)
  }
}
