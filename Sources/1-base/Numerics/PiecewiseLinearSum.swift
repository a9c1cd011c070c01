/// Sums over long ranges of a function that is linear but for a few kinks, such as the least time of
/// decode steps over their contexts.
public enum PiecewiseLinearSum {
  private static let stretches = 256

  /// The sum of `value` over `range`, by the ends of at most 256 stretches: exact where the function
  /// is linear in each, and where the range is short.
  public static func of(_ range: Range<Int>, _ value: (Int) -> Double) -> Double {
    guard range.count > 2 * stretches else { return range.reduce(0) { $0 + value($1) } }
    let (length, longer) = range.count.quotientAndRemainder(dividingBy: stretches)
    var sum = 0.0
    var start = range.lowerBound
    for stretch in 0..<stretches {
      let count = length + (stretch < longer ? 1 : 0)
      sum += Double(count) / 2 * (value(start) + value(start + count - 1))
      start += count
    }
    return sum
  }
}
