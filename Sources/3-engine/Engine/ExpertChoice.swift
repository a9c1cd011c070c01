import Foundation
import Machine
import Model
import Numerics
import Weights

/// Which experts the tokens of a step pass in one layer, and with which weights.
///
/// Threads share one: each sets rows of its own, and they are grouped when all are set.
final class ExpertChoice: @unchecked Sendable {
  /// One token's way through one expert.
  struct Visit {
    let row: Int
    let weight: Float
  }

  /// An expert that some token passes, and where its visits are.
  struct Group {
    let expert: Int
    let visits: Range<Int>
  }

  private let active: Int
  /// Of each row, its experts and their weights, `active` of each.
  private let experts: UnsafeMutablePointer<Int32>
  private let weights: UnsafeMutablePointer<Float>
  /// Experts that some token passes, in their order.
  private(set) var groups: [Group] = []
  /// Grouped by expert, rows in their order.
  private(set) var visits: [Visit] = []
  /// Of each row's experts, the index of the visit.
  private var places: [Int] = []
  private var starts: [Int] = []

  /// - Parameters: most rows of a step, most experts that one passes.
  init(rows: Int, active: Int) {
    self.active = active
    experts = .allocate(capacity: max(1, rows * active))
    weights = .allocate(capacity: max(1, rows * active))
  }

  deinit {
    experts.deallocate()
    weights.deallocate()
  }

  static func bytes(rows: Int, active: Int) -> Int {
    saturatingProduct(rows, active, 2 * 4 + MemoryLayout<Visit>.stride + 8)
  }

  /// Sets a row's experts, each with its weight. Rows may be set by several threads.
  func set(
    row: Int, _ mixture: Experts, _ scores: UnsafeMutablePointer<Float>,
    correction: FloatBuffer?, _ synthetic: SyntheticRouting.Draw?
  ) {
    let chosen = experts + row * active
    let weights = weights + row * active
    mixture.score(scores)
    if let synthetic {
      synthetic.choose(mixture, into: chosen)
    } else {
      mixture.choose(scores, correction: correction?.base, into: chosen)
    }
    var sum: Float = 0
    for index in 0..<mixture.active {
      weights[index] = scores[Int(chosen[index])]
      sum += weights[index]
    }
    // Scores that are all 0 say nothing: their experts count alike.
    let scale = Float(mixture.router.scale)
    let factor = mixture.router.renormalises ? scale / max(sum, .leastNormalMagnitude) : scale
    for index in 0..<mixture.active { weights[index] *= factor }
  }

  /// Sorts the visits of `rows` rows by expert.
  func group(rows: Int, of mixture: Experts) {
    let (count, active) = (mixture.count, mixture.active)
    starts.removeAll(keepingCapacity: true)
    starts.append(contentsOf: repeatElement(0, count: count + 1))
    for row in 0..<rows {
      for index in 0..<active { starts[Int(experts[row * self.active + index]) + 1] += 1 }
    }
    groups.removeAll(keepingCapacity: true)
    for expert in 0..<count {
      let visits = starts[expert + 1]
      starts[expert + 1] += starts[expert]
      guard visits > 0 else { continue }
      groups.append(Group(expert: expert, visits: starts[expert]..<starts[expert] + visits))
    }
    visits.removeAll(keepingCapacity: true)
    visits.append(contentsOf: repeatElement(Visit(row: 0, weight: 0), count: rows * active))
    places.removeAll(keepingCapacity: true)
    for row in 0..<rows {
      for index in 0..<active {
        let (expert, weight) = (
          Int(experts[row * self.active + index]), weights[row * self.active + index]
        )
        visits[starts[expert]] = Visit(row: row, weight: weight)
        places.append(starts[expert])
        starts[expert] += 1
      }
    }
  }

  /// Visits of a row, in the order in which its experts were chosen.
  func places(ofRow row: Int, of mixture: Experts) -> ArraySlice<Int> {
    places[row * mixture.active..<(row + 1) * mixture.active]
  }
}

extension Experts {
  /// Turns what the router's projection gave into scores, in place.
  func score(_ values: UnsafeMutablePointer<Float>) {
    switch router.scoring {
    case .sigmoid: for i in 0..<count { values[i] = 1 / (1 + exp(-values[i])) }
    case .softmax:
      var largest = -Float.infinity
      for i in 0..<count { largest = max(largest, values[i]) }
      var sum: Float = 0
      for i in 0..<count {
        values[i] = exp(values[i] - largest)
        sum += values[i]
      }
      for i in 0..<count { values[i] /= sum }
    }
  }

  /// The best experts by score and correction, the best first; of equal ones the first.
  func choose(
    _ scores: UnsafePointer<Float>, correction: UnsafePointer<Float>?,
    into chosen: UnsafeMutablePointer<Int32>
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { wanted in
      for i in 0..<count {
        let value = scores[i] + (correction?[i] ?? 0)
        wanted[i] = value > Self.least ? value : Self.least
      }
      if let groups = router.groups { keepBestGroups(groups, wanted) }
      for place in 0..<active { chosen[place] = Int32(Self.takeBest(wanted)) }
    }
  }

  /// What counts for NaN and less: any number is better, and none is mistaken for a taken expert.
  private static let least: Float = -1e30

  /// Index of the largest value, which is made -∞: taken.
  private static func takeBest(_ values: UnsafeMutableBufferPointer<Float>) -> Int {
    var best = 0
    for i in 0..<values.count where values[i] > values[best] { best = i }
    values[best] = -.infinity
    return best
  }

  /// Leaves the experts of the best groups, and makes the others' values -∞.
  private func keepBestGroups(_ groups: Groups, _ wanted: UnsafeMutableBufferPointer<Float>) {
    let size = count / groups.count
    withUnsafeTemporaryAllocation(of: Float.self, capacity: groups.count + size) { values in
      let totals = UnsafeMutableBufferPointer(rebasing: values[..<groups.count])
      let members = UnsafeMutableBufferPointer(rebasing: values[groups.count...])
      for group in 0..<groups.count {
        for i in 0..<size { members[i] = wanted[group * size + i] }
        totals[group] = 0
        for _ in 0..<groups.best {
          totals[group] += members.max()!
          _ = Self.takeBest(members)
        }
      }
      withUnsafeTemporaryAllocation(of: Bool.self, capacity: groups.count) { isKept in
        isKept.initialize(repeating: false)
        for _ in 0..<groups.active { isKept[Self.takeBest(totals)] = true }
        for i in 0..<count where !isKept[i / size] { wanted[i] = -.infinity }
      }
    }
  }
}
