/// The multiplicative law times `1 + c·ln x·ln r`: not separable in `x` and `r`.
///
/// An ablation: where `c` does not differ from 0, or this form predicts held-out sizes no better,
/// the separable law stands. It has no closed-form optimum.
public enum ConditionalJoint: LawForm {
  public static let name = "conditional-joint"
  public static let formula =
    "L = (a0 + a1 ln x + a2/x) (b0 + b1 ln r + b2/r) (1 + c ln x ln r) L_opt"
  public static let parameters = ConditionalMultiplicative.parameters + [LawParameter("c")]
  public static let features = ConditionalMultiplicative.features
  public static let referenceRole = ReferenceRole.factor
  public static let objective = FitObjective.leastSquares
  public static let distinctValues = ConditionalMultiplicative.distinctValues

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let separable = ConditionalMultiplicative.loss(p, point, &gradient)
    let product =
      ShapeTerm.basis(point.normalizedHiddenSize).logarithm
      * ShapeTerm.basis(point.mlpToAttentionRatio).logarithm
    let interaction = 1 + p[6] * product
    for index in 0..<6 { gradient[index] *= interaction }
    gradient[6] = separable * product
    return separable * interaction
  }

  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    ConditionalMultiplicative.starts(points, losses: losses).map { $0 + [0] }
  }
}
