import Model

/// What one run of a test executes, and how the times of its parts make up the test's.
package struct RunPlan {
  /// Steps that run one after another and are timed together.
  package struct Segment {
    /// Positions that each sequence taking part holds before.
    package var lengths: [Int: Int]
    /// Steps right before the timed ones, which bring caches into the state of a steady run.
    package var leadIn: [PlannedStep] = []
    package var steps: [PlannedStep]
    /// How many times its own duration the segment stands for.
    package var weight = 1.0
    /// The same, had only every other depth been sampled: the difference bounds the error.
    var coarseWeight = 1.0
    package var isPrefill: Bool
  }

  package var segments: [Segment]
  /// Steps of the whole test.
  package var stepCount: Int

  package var timedSteps: Int { segments.reduce(0) { $0 + $1.steps.count } }

  package init(_ test: ThroughputTest, _ architecture: Architecture, chunk: Int) {
    let steps = test.steps(chunk: chunk)
    stepCount = steps.count
    if test.isIntegrated {
      segments = WorkloadIntegration(test, steps, window: architecture.slidingWindow).segments
      return
    }
    let prefill = steps.count - test.decodeSteps
    func segment(_ steps: ArraySlice<PlannedStep>, from depth: Int, isPrefill: Bool) -> Segment {
      let lengths = Dictionary(uniqueKeysWithValues: (0..<test.batch).map { ($0, depth) })
      return Segment(lengths: lengths, steps: Array(steps), isPrefill: isPrefill)
    }
    segments = []
    if prefill > 0 {
      segments.append(segment(steps[..<prefill], from: test.depth, isPrefill: true))
    }
    if test.decodeSteps > 0 {
      segments.append(
        segment(steps[prefill...], from: test.depth + test.promptTokens, isPrefill: false))
    }
  }

  /// Each segment as a plan of its own, with its weight.
  package var parts: [RunPlan] {
    segments.map { RunPlan(segments: [$0], stepCount: $0.steps.count) }
  }

  /// Every step of a test, cut into pieces of so many steps at most: of reading prompts, of decoding.
  ///
  /// Before a piece that continues decoding, the step before it is repeated untimed, so that pieces
  /// may be run with other work in between.
  package static func pieces(
    of test: ThroughputTest, chunk: Int, prefillSteps: Int, decodeSteps: Int
  ) -> [RunPlan] {
    let steps = test.steps(chunk: chunk)
    let prefill = steps.count - test.decodeSteps
    var lengths = Array(repeating: test.depth, count: test.batch)
    var pieces: [RunPlan] = []
    var before = lengths
    for (index, step) in steps.enumerated() {
      let isPrefill = index < prefill
      if isPrefill ? index % prefillSteps == 0 : (index - prefill) % decodeSteps == 0 {
        let continues = index > prefill
        let start = continues ? before : lengths
        pieces.append(
          RunPlan(
            segments: [
              Segment(
                lengths: Dictionary(uniqueKeysWithValues: start.enumerated().map { ($0, $1) }),
                leadIn: continues ? [steps[index - 1]] : [], steps: [], isPrefill: isPrefill)
            ], stepCount: 0))
      }
      pieces[pieces.count - 1].segments[0].steps.append(step)
      pieces[pieces.count - 1].stepCount += 1
      before = lengths
      for part in step.parts { lengths[part.sequence] += part.count }
    }
    return pieces
  }

  init(segments: [Segment], stepCount: Int) {
    self.segments = segments
    self.stepCount = stepCount
  }

  /// The test's seconds, given those of the segments.
  package func total(_ seconds: [Double]) -> Double {
    zip(segments, seconds).reduce(0) { $0 + $1.0.weight * $1.1 }
  }

  /// The part of them that reading prompts takes.
  package func prefill(_ seconds: [Double]) -> Double {
    zip(segments, seconds).reduce(0) { $1.0.isPrefill ? $0 + $1.0.weight * $1.1 : $0 }
  }

  /// By how much the total changes where only every other depth is used, as a share of it.
  package func quadratureError(_ seconds: [Double]) -> Double {
    let coarse = zip(segments, seconds).reduce(0) { $0 + $1.0.coarseWeight * $1.1 }
    return abs(coarse / total(seconds) - 1)
  }
}
