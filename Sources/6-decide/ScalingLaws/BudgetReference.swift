import Foundation

/// `L_opt` at a budget of parameters and tokens.
enum BudgetReference: Sendable {
  /// The law needs none.
  case notNeeded
  /// It is known nowhere near: the law predicts relative to it. With the nearest anchor, if any.
  case unknown(LossAnchor?)
  case law(ScalingLaw)
  /// That of an anchor, carried from its size and tokens where the budget's are others.
  case anchor(LossAnchor, ReferenceGrowth?)

  /// - Parameter tokens: the budget's; `nil` for those of the nearest anchor.
  init(_ law: ScalingLaw, parameters: Double, tokens: Double?) {
    guard law.form.referenceRole != .none else {
      self = .notNeeded
      return
    }
    switch law.reference {
    case .law(let law): self = .law(law)
    case .anchors(let anchors, let scaling):
      let nearest = anchors.min {
        $0.distance(parameters: parameters, tokens: tokens)
          < $1.distance(parameters: parameters, tokens: tokens)
      }
      guard let anchor = nearest else {
        self = .unknown(nil)
        return
      }
      let tokens = tokens ?? anchor.tokens
      if anchor.isAt(parameters: parameters, tokens: tokens) {
        self = .anchor(anchor, nil)
      } else if let scaling {
        self = .anchor(
          anchor,
          ReferenceGrowth(
            scaling, from: anchor.point,
            to: TrainingPoint(parameters: parameters, tokens: tokens)))
      } else {
        self = .unknown(anchor)
      }
    case nil: self = .unknown(nil)
    }
  }

  /// The anchor whose loss gives `L_opt`, and what that is multiplied by.
  var anchored: (anchor: LossAnchor, factor: Double)? {
    guard case .anchor(let anchor, let growth) = self else { return nil }
    return (anchor, growth?.factor ?? 1)
  }
}

/// How `L_opt` changes from an anchor's size and tokens to a budget's: by the ratio of a law's losses
/// at both. A ratio, since another tokenizer or corpus changes all losses of a law by about a factor.
struct ReferenceGrowth: Sendable {
  let law: ScalingLaw
  let factor: Double
  /// Of the factor's logarithm: what the law's covariance makes of it, and the law's scatter at both
  /// ends, since the runs of another corpus lie off its curve like its own do. `nil` where the law
  /// gives no covariance.
  let standardError: Double?
  /// In what the budget leaves the law's own data.
  let extrapolated: [String]

  init(_ law: ScalingLaw, from anchor: TrainingPoint, to budget: TrainingPoint) {
    self.law = law
    var (here, there) = (law.parameters, law.parameters)
    let known = law.form.loss(law.parameters, anchor, &here)
    let wanted = law.form.loss(law.parameters, budget, &there)
    factor = wanted / known
    standardError = law.standardError(zip(there, here).map { $0 / wanted - $1 / known }).map {
      let scatter = law.uncertainty?.residualStandardDeviation ?? 0
      return ($0 * $0 + pow(scatter / wanted, 2) + pow(scatter / known, 2)).squareRoot()
    }
    extrapolated = law.extrapolations(budget).map { "\(law.name): \($0)" }
  }
}
