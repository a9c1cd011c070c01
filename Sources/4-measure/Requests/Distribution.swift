/// A sample's mean and percentiles.
public struct Distribution: Sendable, Equatable, Codable {
  public var mean: Double
  public var p50: Double
  public var p90: Double
  public var p99: Double

  /// Linear between order statistics, as NumPy's default. Zeros without values.
  public init(_ values: [Double]) {
    guard !values.isEmpty else {
      (mean, p50, p90, p99) = (0, 0, 0, 0)
      return
    }
    let sorted = values.sorted()
    func percentile(_ share: Double) -> Double {
      let place = share * Double(sorted.count - 1)
      let low = Int(place)
      guard low + 1 < sorted.count else { return sorted[low] }
      return sorted[low] + (place - Double(low)) * (sorted[low + 1] - sorted[low])
    }
    mean = sorted.reduce(0, +) / Double(sorted.count)
    p50 = percentile(0.5)
    p90 = percentile(0.9)
    p99 = percentile(0.99)
  }

  /// Of values that each stand for several.
  package init(weighted values: [(value: Double, count: Int)]) {
    let count = values.reduce(0) { $0 + $1.count }
    guard count > 0 else {
      self.init([])
      return
    }
    let sorted = values.sorted { $0.value < $1.value }
    var shares = [0.5, 0.9, 0.99][...]
    var found: [Double] = []
    var passed = 0
    for (value, times) in sorted {
      passed += times
      while let share = shares.first, Double(passed) >= share * Double(count) {
        found.append(value)
        shares.removeFirst()
      }
    }
    let last = sorted.last!.value
    while found.count < 3 { found.append(last) }
    self.init([])
    mean = values.reduce(0) { $0 + $1.value * Double($1.count) } / Double(count)
    (p50, p90, p99) = (found[0], found[1], found[2])
  }
}
