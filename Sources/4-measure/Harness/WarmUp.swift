/// Decides when a test is warm: weights, cache and code touched, and its time no longer falling.
///
/// A warm-up run is one prefill step or one decode step of the test. It is stationary when none of
/// the last three runs beat the best run before them by more than 2%. It ends then, or after 20 runs
/// or 2 seconds, whichever comes first; the record says how it ended.
package struct WarmUp {
  private static let recent = 3
  private static let tolerance = 0.02
  private static let longest = (runs: 20, seconds: 2.0)

  package private(set) var seconds: [Double] = []

  package init() {}

  package var isStationary: Bool {
    guard seconds.count > Self.recent, let best = seconds.dropLast(Self.recent).min(),
      let newest = seconds.suffix(Self.recent).min()
    else { return false }
    return newest >= best * (1 - Self.tolerance)
  }

  package var isOver: Bool {
    isStationary || seconds.count >= Self.longest.runs
      || seconds.reduce(0, +) >= Self.longest.seconds
  }

  package mutating func add(seconds: Double) { self.seconds.append(seconds) }

  /// What a warm-up run of a test is.
  package static func test(_ test: ThroughputTest, chunk: Int) -> ThroughputTest {
    var short = test
    switch test.phase {
    case .prefill(let tokens): short.phase = .prefill(min(tokens, chunk))
    case .decode: short.phase = .decode(1)
    case .workload(let prompt, _, _):
      short.phase = .workload(prompt: min(prompt, chunk), generate: 2, exact: true)
    }
    return short
  }
}
