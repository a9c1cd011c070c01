import Foundation

/// `L = (E + A/N^α + B/D^α)·(1 + γ·(d/L)^α)`, with one exponent throughout (arXiv 2501.18107).
public enum AspectRatio: LawForm {
  public static let name = "aspect-ratio"
  public static let formula = "L = (E + A/N^alpha + B/D^alpha) (1 + gamma (d/L)^alpha)"
  public static let parameters = [
    LawParameter("E", isPositive: true), LawParameter("A", isPositive: true),
    LawParameter("B", isPositive: true), LawParameter("alpha"), LawParameter("gamma"),
  ]
  public static let features: [Feature] = [.parameters, .tokens, .aspectRatio]
  public static let referenceRole = ReferenceRole.none
  public static let objective = FitObjective.leastSquares
  public static let distinctValues: [Feature: Int] = [
    .parameters: 2, .tokens: 2, .aspectRatio: 2,
  ]

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let logN = log(point.parameters)
    let logD = log(point.tokens)
    let logShape = log(point.aspectRatio)
    let termN = exp(-p[3] * logN)
    let termD = exp(-p[3] * logD)
    let shape = exp(p[3] * logShape)
    let size = p[0] + p[1] * termN + p[2] * termD
    let factor = 1 + p[4] * shape
    gradient[0] = factor
    gradient[1] = factor * termN
    gradient[2] = factor * termD
    gradient[3] =
      -factor * (p[1] * termN * logN + p[2] * termD * logD) + size * p[4] * shape * logShape
    gradient[4] = size * shape
    return size * factor
  }

  /// The exponent and the floor on a small grid; the coefficients follow from the losses.
  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    Chinchilla.starts(points, losses: losses).filter { $0[3] == $0[4] }.map {
      [$0[0], $0[1], $0[2], $0[3], 0]
    }
  }
}
