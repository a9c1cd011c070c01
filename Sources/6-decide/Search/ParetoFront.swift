/// Points of which none is beaten in both cost and value, kept while candidates stream by.
///
/// Memory is that of the front, not of the candidates.
package struct ParetoFront<Element: Sendable>: Sendable {
  package struct Point: Sendable {
    /// What should be small.
    package let cost: Double
    /// What should be large.
    package let value: Double
    package let element: Element
  }

  /// By ascending cost, and so by ascending value.
  package private(set) var points: [Point] = []

  package init() {}

  package mutating func insert(cost: Double, value: Double, _ element: @autoclosure () -> Element) {
    // The first point that costs more.
    var low = 0
    var high = points.count
    while low < high {
      let middle = (low + high) / 2
      if points[middle].cost <= cost { low = middle + 1 } else { high = middle }
    }
    guard low == 0 || points[low - 1].value < value else { return }
    var end = low
    while end < points.count, points[end].value <= value { end += 1 }
    let begin = low > 0 && points[low - 1].cost == cost ? low - 1 : low
    points.replaceSubrange(
      begin..<end, with: CollectionOfOne(Point(cost: cost, value: value, element: element())))
  }

  package mutating func merge(_ other: ParetoFront) {
    for point in other.points { insert(cost: point.cost, value: point.value, point.element) }
  }
}
