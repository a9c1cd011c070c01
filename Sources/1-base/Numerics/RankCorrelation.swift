/// Association of two samples by rank.
public enum RankCorrelation {
  /// Spearman's coefficient: Pearson's correlation of the ranks, ties sharing their mean rank.
  ///
  /// `nil` with fewer than 2 pairs or where one side is constant.
  public static func spearman(_ first: [Double], _ second: [Double]) -> Double? {
    precondition(first.count == second.count)
    guard first.count > 1 else { return nil }
    let a = ranks(first)
    let b = ranks(second)
    let mean = Double(first.count + 1) / 2
    var products = 0.0
    var squaresA = 0.0
    var squaresB = 0.0
    for index in a.indices {
      products += (a[index] - mean) * (b[index] - mean)
      squaresA += (a[index] - mean) * (a[index] - mean)
      squaresB += (b[index] - mean) * (b[index] - mean)
    }
    guard squaresA > 0, squaresB > 0 else { return nil }
    return products / (squaresA * squaresB).squareRoot()
  }

  /// Ranks from 1; equal values share the mean of theirs.
  public static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for index in start...end { ranks[order[index]] = Double(start + end) / 2 + 1 }
      start = end + 1
    }
    return ranks
  }

  /// How many values share each distinct value.
  static func tieCounts(_ values: [Double]) -> [Int] {
    var counts: [Int] = []
    var previous: Double?
    for value in values.sorted() {
      if value == previous { counts[counts.count - 1] += 1 } else { counts.append(1) }
      previous = value
    }
    return counts
  }
}
