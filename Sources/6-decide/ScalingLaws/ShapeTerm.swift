import Foundation
import Input

/// `c0 + c1·ln t + c2/t`, the term in `x` or `r` of the conditional laws (arXiv 2510.18245,
/// equation 3). Least at `t* = c2/c1` where both are positive.
enum ShapeTerm {
  /// The functions of `t` that `c1` and `c2` multiply.
  static func basis(_ t: Double) -> (logarithm: Double, inverse: Double) { (log(t), 1 / t) }

  /// Throws where the term has no minimum. `names` are those of `c1` and `c2`.
  static func minimum(_ c1: Double, _ c2: Double, names: (String, String)) throws -> Double {
    guard c1 > 0, c2 > 0, (1e-30...1e30).contains(c2 / c1) else {
      throw InputError(
        problem: "has no optimum: \(names.0) is \(c1) and \(names.1) is \(c2)",
        expected: "both positive, of like size")
    }
    return c2 / c1
  }

  /// The optimum of a law whose terms in `x` and `r` have their minima independently.
  static func optimum(_ p: [Double], a1: Int, a2: Int, b1: Int, b2: Int) throws -> ShapeOptimum {
    var x = [Double](repeating: 0, count: p.count)
    var r = x
    (x[a1], x[a2]) = (-1 / p[a1], 1 / p[a2])
    (r[b1], r[b2]) = (-1 / p[b1], 1 / p[b2])
    return ShapeOptimum(
      normalizedHiddenSize: try minimum(p[a1], p[a2], names: ("a1", "a2")),
      mlpToAttentionRatio: try minimum(p[b1], p[b2], names: ("b1", "b2")),
      logarithmicGradients: (x, r))
  }
}
