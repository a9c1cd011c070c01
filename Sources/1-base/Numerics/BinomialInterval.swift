/// Clopper and Pearson's interval of a proportion (1934): it holds at least with its confidence,
/// for any proportion and count.
public enum BinomialInterval {
  public static func exact(
    successes: Int, trials: Int, confidence: Double = 0.95
  ) -> ClosedRange<Double> {
    precondition((0...trials).contains(successes) && trials > 0)
    let tail = (1 - confidence) / 2
    let k = Double(successes)
    let misses = Double(trials - successes)
    let low = successes == 0 ? 0 : betaQuantile(tail, k, misses + 1)
    let high = successes == trials ? 1 : betaQuantile(1 - tail, k + 1, misses)
    return low...high
  }

  /// The value that `probability` of the beta distribution lies below.
  private static func betaQuantile(_ probability: Double, _ a: Double, _ b: Double) -> Double {
    var low = 0.0
    var high = 1.0
    for _ in 0..<100 where high - low > 1e-14 * high {
      let middle = (low + high) / 2
      if StudentT.regularizedBeta(middle, a, b) < probability {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }
}
