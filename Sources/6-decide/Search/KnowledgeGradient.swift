import Foundation
import Numerics

/// Which measurement would change the decision most.
///
/// The knowledge gradient of a candidate is what the best mean is expected to rise by when that
/// candidate is measured once (Frazier, Powell & Dayanik 2009, The knowledge-gradient policy for
/// correlated normal beliefs). Contenders whose noise decides are worth measuring again; a candidate
/// that is surely slower is not, however little is known of it.
package enum KnowledgeGradient {
  /// Midpoints of equal shares of the standard normal distribution.
  private static let nodes = (0..<64).map {
    NormalDistribution.quantile((Double($0) + 0.5) / 64)
  }

  /// - Parameter noise: variance of one measurement.
  /// - Returns: expected rise of the greatest mean, in natural logarithms.
  package static func value(_ belief: GainBelief, of index: Int, noise: Double) -> Double {
    let influence = belief.influence(of: index, noise: noise)
    let best = belief.mean.max() ?? 0
    let total = nodes.reduce(0.0) { sum, node in
      var most = -Double.infinity
      for other in belief.mean.indices {
        most = max(most, belief.mean[other] + influence[other] * node)
      }
      return sum + most
    }
    return max(0, total / Double(nodes.count) - best)
  }

  /// The candidates to measure next, one after the other: each where it says most, given that those
  /// before it will have been measured.
  package static func batch(
    _ belief: GainBelief, count: Int, noise: Double, required: [Int] = []
  ) -> [(index: Int, value: Double)] {
    var belief = belief
    var chosen: [(index: Int, value: Double)] = []
    func take(_ index: Int, _ value: Double) {
      chosen.append((index, value))
      belief.anticipate(index, noise: noise)
    }
    for index in required.prefix(count) {
      take(index, value(belief, of: index, noise: noise))
    }
    while chosen.count < min(count, belief.mean.count) {
      let open = belief.mean.indices.filter { index in !chosen.contains { $0.index == index } }
      let values = open.map { (index: $0, value: value(belief, of: $0, noise: noise)) }
      guard let best = values.max(by: { $0.value < $1.value }) else { break }
      take(best.index, best.value)
    }
    return chosen
  }
}
