import Foundation
import Numerics
import Records

/// How evidence becomes verdicts on all cells of a comparison.
///
/// The threshold T is the slowdown that is to be found. The gate tells no change from T, so it draws
/// the line halfway, in logarithms of time, where T is as far away as no change is:
///
/// - *regression*: the hypothesis "slower by T/2 at most" is rejected;
/// - *improvement*: "faster by T/2 at most" is rejected;
/// - *no change*: both "slower by T or more" and "faster by T or more" are rejected;
/// - *inconclusive* otherwise.
///
/// Alarms (regressions and improvements) are one family of tests over all cells, all-clears another;
/// Holm's method keeps the chance of even one error in each at `familyError`. True changes between
/// T/2 and T may come out either way.
public struct VerdictRule: Sendable {
  /// As a share of the baseline's time.
  public let threshold: Double
  public let familyError: Double

  public init(threshold: Double, familyError: Double = 0.05) {
    self.threshold = threshold
    self.familyError = familyError
  }

  /// In logarithms of time: what must be found, and the line drawn halfway.
  var outer: Double { log1p(threshold) }
  var inner: Double { outer / 2 }

  func pValues(_ evidence: some ShiftEvidence) -> MarginPValues {
    MarginPValues(
      slower: evidence.pValue(above: inner), faster: evidence.pValue(below: -inner),
      notSlower: evidence.pValue(below: outer), notFaster: evidence.pValue(above: -outer))
  }

  /// Of each cell, its verdict and the adjusted p-value of its alarm.
  func verdicts(
    _ cells: [MarginPValues]
  ) -> [(verdict: ComparisonRecord.Verdict, alarm: Double)] {
    let alarms = Holm.adjusted(cells.map(\.change))
    let clears = Holm.adjusted(cells.map(\.equivalence))
    return cells.indices.map { index in
      let cell = cells[index]
      let verdict: ComparisonRecord.Verdict =
        if alarms[index] <= familyError {
          cell.slower <= cell.faster ? .regression : .improvement
        } else if clears[index] <= familyError { .noChange } else { .inconclusive }
      return (verdict, alarms[index])
    }
  }
}

/// One cell's p-values against the rule's margins.
struct MarginPValues {
  /// "Slower by half the threshold at most", "faster by half the threshold at most".
  var slower: Double
  var faster: Double
  /// "Slower by the threshold or more", "faster by the threshold or more".
  var notSlower: Double
  var notFaster: Double

  /// Either alarm; twice the smaller, as there are two ways to be wrong.
  var change: Double { min(1, 2 * min(slower, faster)) }
  /// Both all-clears.
  var equivalence: Double { max(notSlower, notFaster) }
}
