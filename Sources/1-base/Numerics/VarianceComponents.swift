import Input

/// Variance within groups and between them: one-way random effects, by the method of moments for
/// groups of unequal size (Searle, Casella and McCulloch, *Variance Components*, 1992, section 3.6).
public struct VarianceComponents: Sendable, Equatable {
  /// Mean square within groups: an unbiased variance; 0 where every group has one value.
  public let within: Double
  /// Mean square between groups; 0 for fewer than two groups.
  public let meanSquareBetween: Double
  /// Variance of the groups' means beyond what the scatter within them explains; never negative.
  public let between: Double
  /// Of the sum of squares about the grand mean, what is within groups; 1 for a single group.
  public let shareWithin: Double

  /// - Parameter groups: values by group, none of them empty.
  public init(_ groups: [[Double]]) {
    let count = Double(groups.reduce(0) { $0 + $1.count })
    let mean = groups.reduce(0) { $0 + $1.reduce(0, +) } / max(1, count)
    var squaresWithin = 0.0
    var squaresBetween = 0.0
    var squaredSizes = 0.0
    for group in groups {
      let size = Double(group.count)
      let center = group.reduce(0, +) / size
      squaresWithin += group.reduce(0) { $0 + ($1 - center) * ($1 - center) }
      squaresBetween += size * (center - mean) * (center - mean)
      squaredSizes += size * size
    }
    let others = Double(groups.count - 1)
    within = squaresWithin / max(1, count - Double(groups.count))
    meanSquareBetween = others > 0 ? squaresBetween / others : 0
    let sizes = others > 0 ? (count - squaredSizes / count) / others : 1
    between = max(0, meanSquareBetween - within) / sizes
    let all = squaresWithin + squaresBetween
    shareWithin = others > 0 && all > 0 ? squaresWithin / all : 1
  }
}
