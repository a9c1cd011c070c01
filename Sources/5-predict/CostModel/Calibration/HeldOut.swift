import Foundation
import Numerics

/// A prediction beside what was measured.
public struct Comparison: Sendable {
  public var predicted: Double
  public var measured: Double
  public var regime: String
  /// Half-width, in natural logarithms, of the 90% interval given with the prediction.
  public var spread: Double?

  public init(predicted: Double, measured: Double, regime: String, spread: Double? = nil) {
    self.predicted = predicted
    self.measured = measured
    self.regime = regime
    self.spread = spread
  }

  /// `|predicted / measured - 1|`.
  public var relativeError: Double { abs(predicted / measured - 1) }
  public var logError: Double { abs(log(predicted / measured)) }
  public var isCovered: Bool? { spread.map { logError <= $0 } }
}

/// How far predictions were off.
public struct ErrorSummary: Sendable, Equatable {
  public var rows: Int
  public var median: Double
  public var mean: Double
  public var percentile90: Double
  /// Share inside the 90% interval, where intervals were given.
  public var coverage: Double?

  /// - Precondition: `comparisons` is not empty.
  public init(_ comparisons: [Comparison]) {
    let errors = comparisons.map(\.relativeError).sorted()
    rows = errors.count
    median = Quantiles.median(errors)
    mean = Moments.mean(errors)
    percentile90 = Quantiles.interpolated(sorted: errors, at: 0.9)
    let covered = comparisons.compactMap(\.isCovered)
    coverage = covered.isEmpty ? nil : Double(covered.count { $0 }) / Double(covered.count)
  }
}

/// Half-widths of 90% intervals: for each regime, the 90% quantile of errors on held-out data.
///
/// A regime with few rows is drawn towards the quantile of all: with n rows its own counts for
/// n / (n + 20).
public struct Spreads: Sendable, Equatable {
  public var byRegime: [String: Double]
  /// For regimes never seen: the widest.
  public var all: Double

  static let drawnRows = 20.0

  public init(_ heldOut: [Comparison]) {
    let overall = Self.quantile(heldOut)
    byRegime = Dictionary(grouping: heldOut, by: \.regime).mapValues { rows in
      let share = Double(rows.count) / (Double(rows.count) + Self.drawnRows)
      return exp(share * log(Self.quantile(rows)) + (1 - share) * log(overall))
    }
    all = max(overall, byRegime.values.max() ?? overall)
  }

  public init(byRegime: [String: Double], all: Double) {
    self.byRegime = byRegime
    self.all = all
  }

  public subscript(_ regime: String) -> Double { byRegime[regime] ?? all }

  /// The value that a new error exceeds with probability 10%: the ⌈0.9·(n+1)⌉-th smallest
  /// (split conformal prediction, arXiv 1604.04173).
  private static func quantile(_ rows: [Comparison]) -> Double {
    let sorted = rows.map(\.logError).sorted()
    let index = Int((0.9 * Double(sorted.count + 1)).rounded(.up)) - 1
    return max(1e-4, sorted[min(sorted.count - 1, max(0, index))])
  }
}

extension [Comparison] {
  /// Every comparison with the interval that the other half of them suggests: coverage that no row
  /// has a hand in itself.
  package func crossCovered(seed: UInt64) -> [Comparison] {
    // At random: neighbours differ by one size only.
    var generator = SeededGenerator(seed: seed)
    let half = indices.map { $0 % 2 }.shuffled(using: &generator)
    let spreads = [0, 1].map { own in Spreads(zip(self, half).filter { $0.1 != own }.map(\.0)) }
    return zip(self, half).map { comparison, own in
      var covered = comparison
      covered.spread = spreads[own][comparison.regime]
      return covered
    }
  }
}

/// Ways to hold data out.
public enum Folds {
  /// Each group alone, in order of first appearance.
  public static func leaveOneOut(_ groups: [String]) -> [Set<String>] {
    distinct(groups).map { [$0] }
  }

  /// Groups dealt at random into `count` folds.
  public static func random(_ groups: [String], count: Int, seed: UInt64) -> [Set<String>] {
    var generator = SeededGenerator(seed: seed)
    let shuffled = distinct(groups).shuffled(using: &generator)
    let folds = min(count, shuffled.count)
    return (0..<folds).map { fold in
      Set(stride(from: fold, to: shuffled.count, by: folds).map { shuffled[$0] })
    }
  }

  private static func distinct(_ groups: [String]) -> [String] {
    var seen: Set<String> = []
    return groups.filter { seen.insert($0).inserted }
  }
}
