/// `L = (a0 + a1·ln x + a2/x)·(b0 + b1·ln r + b2/r)·L_opt` (arXiv 2510.18245, equation 3).
///
/// A factor can slide between the two brackets; fits hold `b0` at 1.
public enum ConditionalMultiplicative: LawForm {
  public static let name = "conditional-multiplicative"
  public static let formula = "L = (a0 + a1 ln x + a2/x) (b0 + b1 ln r + b2/r) L_opt"
  public static let parameters = [
    LawParameter("a0"), LawParameter("a1"), LawParameter("a2"), LawParameter("b0", gauge: 1),
    LawParameter("b1"), LawParameter("b2"),
  ]
  public static let features: [Feature] = [.normalizedHiddenSize, .mlpToAttentionRatio]
  public static let referenceRole = ReferenceRole.factor
  public static let objective = FitObjective.leastSquares
  public static let distinctValues: [Feature: Int] = [
    .normalizedHiddenSize: 3, .mlpToAttentionRatio: 3,
  ]

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let x = ShapeTerm.basis(point.normalizedHiddenSize)
    let r = ShapeTerm.basis(point.mlpToAttentionRatio)
    let a = p[0] + p[1] * x.logarithm + p[2] * x.inverse
    let b = p[3] + p[4] * r.logarithm + p[5] * r.inverse
    let byA = b * point.reference
    let byB = a * point.reference
    gradient[0] = byA
    gradient[1] = byA * x.logarithm
    gradient[2] = byA * x.inverse
    gradient[3] = byB
    gradient[4] = byB * r.logarithm
    gradient[5] = byB * r.inverse
    return a * b * point.reference
  }

  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    [[1, 0, 0, 1, 0, 0]]
  }

  public static func optimum(_ parameters: [Double]) throws -> ShapeOptimum? {
    try ShapeTerm.optimum(parameters, a1: 1, a2: 2, b1: 4, b2: 5)
  }
}
