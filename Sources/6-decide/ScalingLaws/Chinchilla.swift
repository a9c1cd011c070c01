import Foundation

/// `L = E + A/N^α + B/D^β` (Hoffmann et al. 2022, arXiv 2203.15556, equation 2), fitted as they
/// and Besiroglu et al. (2024, arXiv 2404.10102) do: Huber's loss, δ = 1e-3, of log loss.
public enum Chinchilla: LawForm {
  public static let name = "chinchilla"
  public static let formula = "L = E + A/N^alpha + B/D^beta"
  public static let parameters = [
    LawParameter("E", isPositive: true), LawParameter("A", isPositive: true),
    LawParameter("B", isPositive: true), LawParameter("alpha"), LawParameter("beta"),
  ]
  public static let features: [Feature] = [.parameters, .tokens]
  public static let referenceRole = ReferenceRole.none
  public static let objective = FitObjective.huberOfLogLoss(delta: 1e-3)
  public static let distinctValues: [Feature: Int] = [.parameters: 3, .tokens: 3]

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let logN = log(point.parameters)
    let logD = log(point.tokens)
    let powerN = exp(-p[3] * logN)
    let powerD = exp(-p[4] * logD)
    gradient[0] = 1
    gradient[1] = powerN
    gradient[2] = powerD
    gradient[3] = -p[1] * powerN * logN
    gradient[4] = -p[2] * powerD * logD
    return p[0] + p[1] * powerN + p[2] * powerD
  }

  /// A grid over the exponents and the entropy floor; the coefficients follow from the losses.
  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    let lowest = losses.min() ?? 1
    let mean = losses.reduce(0, +) / Double(losses.count)
    let middleN = exp(points.reduce(0) { $0 + log($1.parameters) } / Double(points.count))
    let middleD = exp(points.reduce(0) { $0 + log($1.tokens) } / Double(points.count))
    return [0.4, 0.8].flatMap { share in
      [0.25, 0.5].flatMap { alpha in
        [0.25, 0.5].map { beta in
          let above = max(mean - share * lowest, 0.1 * mean)
          return [
            share * lowest, above / 2 * pow(middleN, alpha), above / 2 * pow(middleD, beta),
            alpha, beta,
          ]
        }
      }
    }
  }
}
