import Input

/// Order statistics of all sums of two numbers without making them: by bisection on the value, each
/// step counting in linear time how many sums lie at or below it.
struct PairwiseOrder {
  let count: Int
  private let range: ClosedRange<Double>
  private let countUpTo: (Double) -> Int

  init(count: Int, range: ClosedRange<Double>, countUpTo: @escaping (Double) -> Int) {
    self.count = count
    self.range = range
    self.countUpTo = countUpTo
  }

  /// The `rank`-th smallest, from 1, to the last bit or so.
  func smallest(_ rank: Int) -> Double {
    precondition((1...count).contains(rank))
    // Rounding of the sums must not put the largest of them outside.
    let slack = max(abs(range.lowerBound), abs(range.upperBound)) * 1e-15
    var low = range.lowerBound - slack
    var high = range.upperBound + slack
    for _ in 0..<200 {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { break }
      if countUpTo(middle) >= rank { high = middle } else { low = middle }
    }
    return high
  }
}

/// Means of all pairs of a sample's values, each value with itself included.
struct WalshAverages {
  private let order: PairwiseOrder
  var count: Int { order.count }

  init(_ values: [Double]) {
    let sorted = values.sorted()
    order = PairwiseOrder(
      count: sorted.count * (sorted.count + 1) / 2, range: sorted[0]...sorted[sorted.count - 1]
    ) { limit in
      var total = 0
      var partner = sorted.count - 1
      for index in sorted.indices {
        while partner >= index, (sorted[index] + sorted[partner]) / 2 > limit { partner -= 1 }
        guard partner >= index else { break }
        total += partner - index + 1
      }
      return total
    }
  }

  func smallest(_ rank: Int) -> Double { order.smallest(rank) }
}

/// Differences of every value of one sample from every value of another.
struct PairwiseDifferences {
  private let order: PairwiseOrder
  var count: Int { order.count }

  init(_ first: [Double], minus second: [Double]) {
    let upper = first.sorted()
    let lower = second.sorted()
    order = PairwiseOrder(
      count: upper.count * lower.count,
      range: upper[0] - lower[lower.count - 1]...upper[upper.count - 1] - lower[0]
    ) { limit in
      var total = 0
      var within = 0
      for value in lower {
        while within < upper.count, upper[within] - value <= limit { within += 1 }
        total += within
      }
      return total
    }
  }

  func smallest(_ rank: Int) -> Double { order.smallest(rank) }
}
