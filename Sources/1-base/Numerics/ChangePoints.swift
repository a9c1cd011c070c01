import Foundation

/// Where the level of a series of values changes.
///
/// Binary segmentation: in a segment, every split with enough values on both sides is judged by the
/// standardised rank sum (Wilcoxon 1945, Mann and Whitney 1947) of the values before and after it;
/// the largest is the candidate (with one split, Pettitt 1979). It counts where random permutations
/// of the segment reach it rarely enough, and both sides are then searched. Ranks make single
/// outliers harmless, and a slow drift shows as a step.
///
/// The series' level α bounds the chance of even one false change: a split hands half of its level
/// to each side, and the levels of disjoint segments then never sum to more than α (Kraft's
/// inequality). A split is estimated from the same values, so for later splits this is approximate.
///
/// The number of permutations has a bound, which ordinary series stay below. A level so small that
/// all of them could not tell it counts as not met.
public enum ChangePoints {
  public struct Change: Sendable, Equatable {
    /// Of the first value after the change.
    public let index: Int
    /// From permutations: the chance of a split as marked as this without any change.
    public let pValue: Double
  }

  /// - Parameters:
  ///   - level: the chance of one or more false changes, under 1/2.
  ///   - minimumSegment: values that must lie on either side of a change.
  ///   - seed: of the permutations.
  /// - Returns: changes from left to right.
  public static func find(
    _ values: [Double], level: Double = 0.05, minimumSegment: Int = 2, seed: UInt64 = 0
  ) -> [Change] {
    precondition(level > 0 && level < 0.5 && minimumSegment > 0)
    var generator = SeededGenerator(seed: seed)
    var changes: [Change] = []
    var segments = [(range: values.indices, level: level)]
    while let (range, level) = segments.popLast() {
      let segment = Array(values[range])
      guard
        let change = strongest(
          segment, level: level, minimumSegment: minimumSegment, &generator)
      else { continue }
      let index = range.lowerBound + change.index
      changes.append(Change(index: index, pValue: change.pValue))
      segments.append((index..<range.upperBound, level / 2))
      segments.append((range.lowerBound..<index, level / 2))
    }
    return changes.sorted { $0.index < $1.index }
  }

  /// Whether a series of so many values could show a change at all: of the permutations, at least
  /// the two that part the values perfectly in the middle are as marked as anything can be, and
  /// those that are drawn are enough to tell the level.
  public static func canDetect(_ count: Int, level: Double = 0.05) -> Bool {
    leastPValue(count) <= level && 1 / Double(mostPermutations(of: count) + 1) <= level
  }

  /// Each costs time in the length of the segment: of long ones there are fewer.
  private static func mostPermutations(of count: Int) -> Int {
    min(1_000_000, max(100_000, 400_000_000 / max(1, count)))
  }

  private static func leastPValue(_ count: Int) -> Double {
    let half = Double(count / 2)
    let logChoices = lgamma(Double(count) + 1) - lgamma(half + 1) - lgamma(Double(count) - half + 1)
    // An odd count may be parted on either side of the middle.
    return (count % 2 == 0 ? 2 : 4) * exp(-logChoices)
  }

  /// The most marked split of a segment, where it is significant.
  private static func strongest(
    _ values: [Double], level: Double, minimumSegment: Int, _ generator: inout SeededGenerator
  ) -> Change? {
    guard values.count >= 2 * minimumSegment, canDetect(values.count, level: level) else {
      return nil
    }
    var ranks = RankCorrelation.ranks(values)
    let scale = Scale(ranks, minimumSegment: minimumSegment)
    guard scale.variance > 0 else { return nil }
    let best = scale.strongest(ranks)
    // Enough permutations to tell the level well; few where it is soon clear that it is not met.
    let wanted = max(999, (20 / level).rounded(.up))
    let permutations = Int(min(wanted, Double(mostPermutations(of: values.count))))
    var reached = 0
    for _ in 0..<permutations {
      ranks.shuffle(using: &generator)
      if scale.strongest(ranks).statistic >= best.statistic * (1 - 1e-12) { reached += 1 }
      if Double(reached + 1) > level * Double(permutations + 1) { return nil }
    }
    return Change(
      index: best.index, pValue: Double(reached + 1) / Double(permutations + 1))
  }

  /// What standardises rank sums: the same for all permutations of a segment.
  private struct Scale {
    let mean: Double
    /// Of one rank.
    let variance: Double
    /// One over the standard deviation of the sum of the first k ranks, by k.
    let inverseDeviations: [Double]
    let splits: ClosedRange<Int>

    init(_ ranks: [Double], minimumSegment: Int) {
      let count = Double(ranks.count)
      let mean = (count + 1) / 2
      let variance = ranks.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
      self.mean = mean
      self.variance = variance
      inverseDeviations = ranks.indices.map { split in
        let before = Double(split)
        return split == 0 ? 0 : 1 / (variance * before * (count - before) / count).squareRoot()
      }
      splits = minimumSegment...ranks.count - minimumSegment
    }

    func strongest(_ ranks: [Double]) -> (index: Int, statistic: Double) {
      var sum = 0.0
      var best = (index: splits.lowerBound, statistic: -1.0)
      for split in 1...splits.upperBound {
        sum += ranks[split - 1] - mean
        guard split >= splits.lowerBound else { continue }
        let statistic = abs(sum) * inverseDeviations[split]
        if statistic > best.statistic { best = (split, statistic) }
      }
      return best
    }
  }
}
