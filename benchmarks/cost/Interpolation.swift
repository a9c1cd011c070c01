import Foundation

/// What a table says of sizes that it does not hold: the nearest rows that it does, weighted by
/// distance. Each row is predicted from those of other groups.
struct Interpolation {
  struct Place {
    /// Rows of other series say nothing of it.
    var series: String
    var sizes: [Double]
    /// What times are in proportion to.
    var scale: Double
  }

  private static let neighbours = 4

  private let places: [(series: String, logs: [Double], scale: Double)]
  private let groups: [String]
  /// Logarithms, over the scale.
  private let values: [Double]

  init(_ rows: [(place: Place, group: String, seconds: Double)]) {
    places = rows.map { ($0.place.series, $0.place.sizes.map { log($0) }, $0.place.scale) }
    groups = rows.map(\.group)
    values = rows.map { log($0.seconds / $0.place.scale) }
  }

  /// Seconds of every row by those of other groups; of no series in common, by the mean of all.
  func heldOut() -> [Double] {
    let series = Dictionary(grouping: places.indices) { places[$0].series }
    return places.indices.map { row in
      var nearest: [(distance: Double, value: Double)] = []
      for other in series[places[row].series]! where groups[other] != groups[row] {
        var distance = 1e-6
        for (a, b) in zip(places[row].logs, places[other].logs) { distance += (a - b) * (a - b) }
        guard nearest.count < Self.neighbours || distance < nearest.last!.distance else { continue }
        let index = nearest.firstIndex { distance < $0.distance } ?? nearest.count
        nearest.insert((distance, values[other]), at: index)
        if nearest.count > Self.neighbours { nearest.removeLast() }
      }
      let weight = nearest.reduce(0) { $0 + 1 / $1.distance }
      guard weight > 0 else {
        return places[row].scale * exp(values.reduce(0, +) / Double(values.count))
      }
      return places[row].scale
        * exp(nearest.reduce(0) { $0 + $1.value / $1.distance } / weight)
    }
  }
}
