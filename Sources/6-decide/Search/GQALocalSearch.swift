import Model

/// The second half of algorithm 1 (arXiv 2510.18245): around an architecture, hidden and
/// intermediate size held, every pair of query and KV heads with about as many attention parameters.
package enum GQALocalSearch {
  /// Shapes with KV heads that divide the query heads and attention parameters within the space's
  /// tolerance of `shape`'s, by ascending GQA; `shape` itself is among them.
  package static func variants(of shape: Shape, in space: DesignSpace) -> [Shape] {
    let heads = shape.queryHeads + shape.keyValueHeads
    let room = Double(heads) * space.tolerance
    let range = Int((Double(heads) - room).rounded(.up))...Int(Double(heads) + room)
    return range.flatMap { sum in
      // K divides H, and so H + K.
      (1...sum).filter { sum % $0 == 0 && $0 < sum }.map { keyValueHeads in
        var variant = shape
        variant.keyValueHeads = keyValueHeads
        variant.queryHeads = sum - keyValueHeads
        return variant
      }
    }.filter {
      abs(space.excess($0)) <= space.tolerance && space.meetsTensorParallelism($0)
    }.sorted { ($0.gqa, $0.queryHeads) < ($1.gqa, $1.queryHeads) }
  }
}
