import Foundation

/// What a CPU's multiply-add costs with few rows, over that with many: given at 1, 4 and 16 rows, and
/// interpolated in logarithms up to 1 at 64.
struct WorkOfFewRows: Sendable {
  /// Logarithms at 1, 4, 16 and 64 rows.
  private let knots: (Double, Double, Double, Double)

  init(one: Double, four: Double, sixteen: Double) {
    knots = (log(one), log(four), log(sixteen), 0)
  }

  /// - Parameter rows: at least 1.
  func callAsFunction(_ rows: Double) -> Double {
    let position = log2(rows) / 2
    func between(_ low: Double, _ high: Double, _ share: Double) -> Double {
      exp(low + share * (high - low))
    }
    switch position {
    case ..<1: return between(knots.0, knots.1, position)
    case ..<2: return between(knots.1, knots.2, position - 1)
    case ..<3: return between(knots.2, knots.3, position - 2)
    default: return 1
    }
  }
}
