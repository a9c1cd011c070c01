extension Quantiles {
  /// The quantile at `probability`, linear between the two nearest order statistics (Hyndman and
  /// Fan 1996, definition 6, whose tails reach further out than NumPy's default).
  ///
  /// - Precondition: `sorted` is in ascending order and not empty.
  public static func interpolated(sorted: [Double], at probability: Double) -> Double {
    precondition(!sorted.isEmpty)
    let position = probability * Double(sorted.count + 1) - 1
    let below = min(max(Int(position.rounded(.down)), 0), sorted.count - 1)
    let above = min(below + 1, sorted.count - 1)
    let share = min(max(position - Double(below), 0), 1)
    return sorted[below] + share * (sorted[above] - sorted[below])
  }
}
