import Foundation

/// `L = a·Ê^δ·N^(α + γ·ln Ê) + b·Ê^ω·D^(β + ζ·ln Ê) + c` for dense models and mixtures of experts alike
/// (arXiv 2502.05172, equation 6), with `Ê` between `E_start` and `E_max`:
/// `1/Ê = 1/(E − 1 + 1/(1/E_start − 1/E_max)) + 1/E_max` (Clark et al. 2022, arXiv 2202.01169).
///
/// `N` is what a token passes, the embedding and the head included; `E` the experts of a layer, each as
/// wide as a dense MLP, of which a token passes one; 1 is a dense model. Exponents have their signs.
public enum ExpertsJoint: LawForm {
  public static let name = "experts-joint"
  public static let formula =
    "L = a F^delta N^(alpha + gamma ln F) + b F^omega D^(beta + zeta ln F) + c, "
    + "1/F = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max"
  /// Where the effect of experts begins and ends few data say: fits hold both at the published values.
  public static let parameters = [
    LawParameter("a", isPositive: true), LawParameter("alpha"), LawParameter("delta"),
    LawParameter("gamma"), LawParameter("b", isPositive: true), LawParameter("beta"),
    LawParameter("omega"), LawParameter("zeta"), LawParameter("c", isPositive: true),
    LawParameter("E_start", isPositive: true, gauge: 2.0732),
    LawParameter("E_max", isPositive: true, gauge: 290.4521),
  ]
  public static let features: [Feature] = [.parameters, .tokens, .experts]
  public static let referenceRole = ReferenceRole.none
  public static let objective = FitObjective.huberOfLogLoss(delta: 1e-3)
  public static let distinctValues: [Feature: Int] = [.parameters: 3, .tokens: 3, .experts: 3]

  public static func loss(
    _ p: [Double], _ point: TrainingPoint, _ gradient: inout [Double]
  ) -> Double {
    let logN = log(point.parameters + point.embeddings)
    let logD = log(point.tokens)
    let start = 1 / (1 / p[9] - 1 / p[10])
    let shifted = point.experts - 1 + start
    let inverse = 1 / shifted + 1 / p[10]
    let logE = -log(inverse)
    let powerN = exp(p[2] * logE + (p[1] + p[3] * logE) * logN)
    let powerD = exp(p[6] * logE + (p[5] + p[7] * logE) * logD)
    let (termN, termD) = (p[0] * powerN, p[4] * powerD)
    gradient[0] = powerN
    gradient[1] = termN * logN
    gradient[2] = termN * logE
    gradient[3] = termN * logE * logN
    gradient[4] = powerD
    gradient[5] = termD * logD
    gradient[6] = termD * logE
    gradient[7] = termD * logE * logD
    gradient[8] = 1
    let byLogE = termN * (p[2] + p[3] * logN) + termD * (p[6] + p[7] * logD)
    let ratio = start * start / (shifted * shifted)
    gradient[9] = byLogE * ratio / (inverse * p[9] * p[9])
    gradient[10] = byLogE * (1 - ratio) / (inverse * p[10] * p[10])
    return termN + termD + p[8]
  }

  /// As if experts changed nothing.
  public static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]] {
    Chinchilla.starts(points, losses: losses).map {
      [$0[1], -$0[3], 0, 0, $0[2], -$0[4], 0, 0, $0[0]]
        + parameters.suffix(2).map { $0.gauge ?? 1 }
    }
  }
}
