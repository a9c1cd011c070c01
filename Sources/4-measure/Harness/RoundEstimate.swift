import Input

/// What a round of all tests will take, judged by their warm-ups.
struct RoundEstimate {
  /// The machine's limits are sampled between runs, which takes part of the time.
  private static let timeAround = 1.15

  private(set) var seconds = 0.0

  /// Adds a test of which a short one took `segments` seconds.
  ///
  /// - Parameters:
  ///   - plan: of the test.
  ///   - warmUp: of the short one.
  mutating func add(_ plan: RunPlan, warmUp: RunPlan, segments: [Double]) {
    var ofToken = 0.0  // of prompts
    var ofStep = 0.0  // of decoding
    for (segment, time) in zip(warmUp.segments, segments) {
      if segment.isPrefill {
        ofToken = time / Double(max(1, segment.tokens))
      } else {
        ofStep = time / Double(max(1, segment.steps.count))
      }
    }
    for segment in plan.segments {
      seconds +=
        Self.timeAround
        * (segment.isPrefill
          ? Double(segment.tokens) * ofToken
          : Double(segment.leadIn.count + segment.steps.count) * ofStep)
    }
  }

  /// - Parameters:
  ///   - spent: seconds since the first warm-up.
  ///   - tests: how many there are.
  ///   - isWhole: whether all of them were added; before that only what is spent counts.
  /// - Throws: `InputError` where the fewest rounds take longer than they may.
  func check(
    _ settings: ThroughputBench.Settings, spent: Double, tests: Int, isWhole: Bool
  ) throws {
    guard let longest = settings.longestSeconds else { return }
    let whole = spent + Double(settings.fewestRounds) * seconds
    guard isWhole ? whole > longest : spent > longest else { return }
    throw InputError(
      "budget",
      problem:
        "is \(TimeSpan(seconds: longest).roundedUp), and \(settings.fewestRounds) samples of "
        + (tests == 1 ? "the test" : "each of \(tests) tests")
        + " take \(isWhole ? "about" : "more than") \(TimeSpan(seconds: whole).roundedUp)",
      expected: "that much, fewer or shorter tests, or to go over it (--over-budget)")
  }
}

extension RunPlan.Segment {
  /// Of all sequences.
  fileprivate var tokens: Int {
    steps.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.count } }
  }
}
