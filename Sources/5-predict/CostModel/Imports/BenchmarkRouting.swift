import Foundation
import Input
import Model
import Numerics
import Records

/// How AIConfigurator's benchmark of experts routes: evenly in turn (`balanced`), or by loads drawn
/// from a power law (`power_law_1.2`), of which each timing is the mean of five draws. What it times
/// is the first device's part; of drawn loads that is the busiest device's.
///
/// Its generator is followed, not its random numbers: rows are averages of draws.
struct BenchmarkRouting {
  enum Distribution: Hashable {
    case balanced
    case powerLaw(exponent: Double)

    init(_ name: String) throws {
      let prefix = "power_law_"
      if name == "balanced" {
        self = .balanced
      } else if name.hasPrefix(prefix), let exponent = Double(name.dropFirst(prefix.count)),
        exponent.isFinite, exponent > 0, exponent <= 10
      {
        self = .powerLaw(exponent: exponent)
      } else {
        throw InputError(
          "distribution", problem: "\"\(name.prefix(40))\" is not known",
          expected: "balanced, or power_law_ and an exponent")
      }
    }
  }

  struct Sizes: Hashable {
    var tokens: Int
    var count: Int
    var active: Int
    var devices: Int
    var distribution: Distribution
  }

  /// Draws of a timing, and timings that are averaged.
  private static let draws = 5
  private static let timings = 4

  private var known: [Sizes: RoutedRows] = [:]

  mutating func rows(_ sizes: Sizes) -> RoutedRows {
    if let rows = known[sizes] { return rows }
    let rows = Self.rows(sizes)
    known[sizes] = rows
    return rows
  }

  private static func rows(_ sizes: Sizes) -> RoutedRows {
    guard case .powerLaw(let exponent) = sizes.distribution else {
      return RoutedRows(counts: balanced(sizes))
    }
    var generator = SeededGenerator(seed: 1)
    var sum = RoutedRows(rows: 0, distinct: 0, blocks: .zero, looped: 0)
    for _ in 0..<timings {
      var read = Set<Int>()
      for _ in 0..<draws {
        let counts = busiest(drawn(sizes, exponent, &generator), sizes)
        read.formUnion(counts.indices.filter { counts[$0] > 0 })
        let one = RoutedRows(counts: counts)
        sum.rows += one.rows
        sum.distinct += one.distinct
        sum.blocks += one.blocks
      }
      sum.looped += Double(read.count)
    }
    let all = Double(draws * timings)
    return RoutedRows(
      rows: sum.rows / all, distinct: sum.distinct / all, blocks: sum.blocks / all,
      looped: sum.looped / Double(timings))
  }

  /// A token's experts lie a stride apart, and each token's lie one further on than the last one's;
  /// fewer tokens than a stride has experts spread over it.
  private static func balanced(_ sizes: Sizes) -> [Int] {
    let (tokens, experts) = (sizes.tokens, sizes.count)
    let stride = (experts + sizes.active - 1) / sizes.active
    var counts = [Int](
      repeating: tokens >= stride ? sizes.active * (tokens / experts) : 0, count: experts)
    for choice in 0..<sizes.active {
      for token in 0..<(tokens >= stride ? tokens % experts : tokens) {
        let further = tokens >= stride ? token : token * stride / tokens
        counts[(further + choice * stride) % experts] += 1
      }
    }
    return Array(counts.prefix(experts / sizes.devices))
  }

  /// Loads by the inverse of the law's distribution, made to sum to all rows: what is over goes to the
  /// experts with fewest rows, what is missing is taken from those with most.
  private static func drawn(
    _ sizes: Sizes, _ exponent: Double, _ generator: inout SeededGenerator
  ) -> [Int] {
    let tokens = sizes.tokens
    let rows = tokens * sizes.active
    let (low, high) =
      rows > sizes.count ? (1.0, 0.8 * Double(tokens)) : (0.01, 2.0)
    let power = 1 - exponent
    let loads = (0..<sizes.count).map { _ -> Double in
      let share = Double.random(in: 0..<1, using: &generator)
      guard power != 0 else { return low * pow(high / low, share) }
      return pow((pow(high, power) - pow(low, power)) * share + pow(low, power), 1 / power)
    }
    let total = loads.reduce(0, +)
    var counts = loads.map { min(tokens, Int(($0 / total * Double(rows)).rounded())) }
    /// Fewest rows first; of as many the last.
    func order() -> [Int] {
      counts.indices.sorted {
        counts[$0] != counts[$1] ? counts[$0] < counts[$1] : $0 > $1
      }
    }
    var over = loads.reduce(0) {
      $0 + max(0, Int(($1 / total * Double(rows)).rounded()) - tokens)
    }
    if over > 0 {
      for expert in order() where over > 0 {
        let taken = min(over, tokens - counts[expert])
        counts[expert] += taken
        over -= taken
      }
    }
    var missing = rows - counts.reduce(0, +)
    let inOrder = order()
    while missing > 0 {
      for expert in inOrder where missing > 0 && counts[expert] < tokens {
        counts[expert] += 1
        missing -= 1
      }
    }
    var next = 0
    while missing < 0 {
      let expert = inOrder[next % inOrder.count]
      let taken = counts[expert] > 0 ? expert : counts.indices.max { counts[$0] < counts[$1] }!
      counts[taken] -= 1
      missing += 1
      next += 1
    }
    return counts
  }

  private static func busiest(_ counts: [Int], _ sizes: Sizes) -> [Int] {
    let held = sizes.count / sizes.devices
    let parts = (0..<sizes.devices).map { Array(counts[$0 * held..<($0 + 1) * held]) }
    return parts.max { $0.reduce(0, +) < $1.reduce(0, +) }!
  }
}
