/// `L = (a0 + a1·ln x + a2/x) + (b1·ln r + b2/r) + L_opt` (arXiv 2510.18245, equation 3).
public enum ConditionalAdditive: LawForm {
  public static let name = "conditional-additive"
  public static let formula = "L = (a0 + a1 ln x + a2/x) + (b1 ln r + b2/r) + L_opt"
  public static let parameters = ["a0", "a1", "a2", "b1", "b2"].map { LawParameter($0) }
  public static let features: [Feature] = [.normalizedHiddenSize, .mlpToAttentionRatio]
  public static let referenceRole = ReferenceRole.offset
  public static let objective = FitObjective.leastSquares
  public static let distinctValues: [Feature: Int] = [
    .normalizedHiddenSize: 3, .mlpToAttentionRatio: 3,
  ]

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let x = ShapeTerm.basis(point.normalizedHiddenSize)
    let r = ShapeTerm.basis(point.mlpToAttentionRatio)
    gradient[0] = 1
    gradient[1] = x.logarithm
    gradient[2] = x.inverse
    gradient[3] = r.logarithm
    gradient[4] = r.inverse
    return p[0] + p[1] * x.logarithm + p[2] * x.inverse + p[3] * r.logarithm + p[4] * r.inverse
      + point.reference
  }

  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    [[0, 0, 0, 0, 0]]
  }

  public static func optimum(_ parameters: [Double]) throws -> ShapeOptimum? {
    try ShapeTerm.optimum(parameters, a1: 1, a2: 2, b1: 3, b2: 4)
  }
}
