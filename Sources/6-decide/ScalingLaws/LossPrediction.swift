import Foundation
import Input
import Model
import Numerics

/// What a law says of one model.
public struct LossPrediction: Sendable {
  /// What `value` is.
  public enum Quantity: String, Codable, Sendable {
    /// Nats per token.
    case loss
    /// Of the loss to `L_opt`: the law has no reference.
    case ratioToReference = "ratio_to_reference"
    /// The loss less `L_opt`: the law has no reference.
    case differenceFromReference = "difference_from_reference"
  }

  public let quantity: Quantity
  public let value: Double
  /// `L_opt`, where the law needs and has one.
  public let reference: Double?
  /// For the law's value there: what more data of the same kind would settle. `nil` where the
  /// uncertainty of the law, of what says or carries `L_opt` there, or of what experts change is not
  /// known.
  public let confidence95: ClosedRange<Double>?
  /// For the loss of one new run there: the scatter of runs about the law comes on top.
  public let prediction95: ClosedRange<Double>?
  /// In what the prediction leaves the fitted data, one sentence each; empty inside it.
  public let extrapolated: [String]
  /// What `L_opt` rests on where that is no run or law of its own, one sentence each.
  public let notes: [String]
}

/// Predicts losses at a budget of parameters and tokens.
///
/// `N` is the budget's, not each architecture's, wherever the law takes it by itself or in `L_opt`:
/// a search that allows some tolerance on `N` must not win by using it up.
///
/// A law of dense models serves mixtures of experts too where another one (`experts`) says how their
/// losses relate: the loss of a dense model of the parameters that a token passes, times the ratio of
/// the other law's losses with these experts and without. Under a budget of all parameters `L_opt` is
/// carried to what a token passes of them by the law that carries it between sizes.
public struct LossPredictor: Sendable {
  public let law: ScalingLaw
  /// `N` of the budget.
  public let parameters: Double
  /// What the budget counts.
  public let counts: ParameterBudget
  /// The law of mixtures; `nil` where there are none, or `law` knows them itself.
  public let experts: ScalingLaw?
  /// `D`; NaN where the law needs none. Without tokens of the budget, the anchor's.
  public let tokens: Double
  private let reference: BudgetReference
  /// The law of `N` and `D` that says how `L_opt` grows with `N`.
  private let carrier: ScalingLaw?

  /// - Parameters:
  ///   - parameters: `N`, non-embedding.
  ///   - counts: whether that is of all parameters or of those that a token passes.
  ///   - experts: a law of form `experts-joint`, for mixtures.
  /// - Throws: where a law depends on tokens and none are given, or cannot serve mixtures.
  public init(
    _ law: ScalingLaw, parameters: Double, tokens: Double?, counts: ParameterBudget = .total,
    experts: ScalingLaw? = nil
  ) throws {
    reference = BudgetReference(law, parameters: parameters, tokens: tokens)
    var needsTokens = law.form.features.contains(.tokens)
    if case .law = reference { needsTokens = true }
    if needsTokens, tokens == nil {
      throw InputError(
        "tokens", problem: "is missing, and \(law.name) depends on it",
        expected: "training tokens such as 100B")
    }
    self.law = law
    self.parameters = parameters
    self.tokens = tokens ?? reference.anchored?.anchor.tokens ?? .nan
    self.counts = counts
    self.experts = law.form.features.contains(.experts) ? nil : experts
    carrier =
      switch law.reference {
      case .law(let law): law
      case .anchors(_, let scaling): scaling
      case nil: nil
      }
    if self.experts != nil { try checkExperts() }
  }

  private func checkExperts() throws {
    guard let experts else { return }
    guard experts.form.features.contains(.experts) else {
      throw InputError(
        "expert_law", problem: "\(experts.name) has form \(experts.form.name)",
        expected: "a law of form \(ExpertsJoint.name)")
    }
    guard tokens.isFinite else {
      throw InputError(
        "tokens", problem: "is missing, and \(experts.name) depends on it",
        expected: "training tokens such as 100B")
    }
    guard quantity != .differenceFromReference else {
      throw InputError(
        law.name,
        problem: "does not know L_opt at that size, and experts change losses by a factor",
        expected: "an anchor with a law that carries it there")
    }
    guard counts == .active || law.form.referenceRole == .none || carrier != nil else {
      throw InputError(
        law.name,
        problem: "has no law of N and D that says how L_opt changes with what a token passes of a "
          + "budget of all parameters",
        expected: "a scaling law, or a budget of active parameters")
    }
  }

  public func predict(_ architecture: Architecture) throws -> LossPrediction {
    try predict(TrainingPoint(architecture))
  }

  /// - Parameter point: its shape counts; its size and tokens are replaced by the budget's.
  public func predict(_ point: TrainingPoint) throws -> LossPrediction {
    guard point.experts == 1 || experts != nil || law.form.features.contains(.experts) else {
      throw InputError(
        law.name, problem: "knows dense models only, and this is a mixture of experts",
        expected: "a law of form \(ExpertsJoint.name) beside it")
    }
    let point = atBudget(point)
    for feature in law.form.features where !feature.value(of: point).isFinite {
      throw InputError(law.name, problem: "needs \(feature.symbol)", expected: "a known value")
    }
    let estimate = try estimate(point)
    let isKnown =
      law.uncertainty.map { $0.covariance != nil || $0.resamples.count > 1 } ?? false
    let referenceError =
      isCorrected(point) ? nil : referenceError(estimate.referenceSlope, estimate.reference)
    func interval(_ scatter: Double) -> ClosedRange<Double>? {
      referenceError.flatMap {
        law.interval(
          value: estimate.value, gradient: estimate.gradient,
          extraVariance: $0 * $0 + scatter * scatter
        ) { evaluate($0, point).value }
      }
    }
    return LossPrediction(
      quantity: quantity, value: estimate.value,
      reference: isReferenceKnown ? estimate.reference : nil,
      confidence95: isKnown ? interval(0) : nil,
      prediction95: quantity == .loss
        ? scatter(slope: estimate.referenceSlope).flatMap(interval) : nil,
      extrapolated: law.extrapolations(point) + growthExtrapolated
        + expertsExtrapolated(point), notes: notes + expertsNotes(point))
  }

  private func expertsExtrapolated(_ point: TrainingPoint) -> [String] {
    guard point.experts != 1, let experts else { return [] }
    return experts.extrapolations(point).map { "\(experts.name): \($0)" }
  }

  private func expertsNotes(_ point: TrainingPoint) -> [String] {
    guard isCorrected(point), let experts else { return [] }
    return [
      "losses of mixtures are those of a dense model of as many active parameters, times the ratio of "
        + "\(experts.name) with experts and without: no interval, since that ratio's error is not "
        + "known"
    ]
  }

  /// Whether another law says what experts change: by a factor whose error is not known.
  private func isCorrected(_ point: TrainingPoint) -> Bool {
    point.experts != 1 && experts != nil
  }

  /// What the predictions are: a loss only where `L_opt` is known.
  public var quantity: LossPrediction.Quantity {
    guard case .unknown = reference else { return .loss }
    return law.form.referenceRole == .offset ? .differenceFromReference : .ratioToReference
  }

  private var isReferenceKnown: Bool {
    switch reference {
    case .notNeeded, .unknown: false
    case .law, .anchor: true
    }
  }

  /// `L_opt` where it does not depend on the law's own parameters. Anchors replace it later.
  private var referenceLoss: Double {
    if case .law(let law) = reference {
      return law.loss(TrainingPoint(parameters: parameters, tokens: tokens))
    }
    return law.form.referenceRole == .offset ? 0 : 1
  }

  /// `N` of a model of the budget's size: what a token passes of it, where the budget counts all.
  fileprivate func size(of point: TrainingPoint) -> Double {
    counts == .total ? parameters * point.activeShare : parameters
  }

  /// `L_opt` at another `N` over that at the budget's.
  fileprivate func growth(to size: Double) -> Double {
    guard size != parameters, let carrier else { return 1 }
    return carrier.loss(TrainingPoint(parameters: size, tokens: tokens))
      / carrier.loss(TrainingPoint(parameters: parameters, tokens: tokens))
  }

  /// What experts multiply the loss by; 1 of a dense model.
  fileprivate func expertFactor(_ point: TrainingPoint) -> Double {
    guard point.experts != 1, let experts else { return 1 }
    var dense = point
    dense.experts = 1
    return experts.loss(point) / experts.loss(dense)
  }

  /// Standard error that `L_opt`'s brings, beside the law's own parameters and an anchor's run.
  ///
  /// - Parameter slope: by `L_opt`.
  /// - Returns: `nil` where it is not known.
  private func referenceError(_ slope: Double, _ referenceLoss: Double) -> Double? {
    switch reference {
    case .notNeeded, .unknown, .anchor(_, nil): return 0
    case .law(let law):
      var gradient = law.parameters
      _ = law.form.loss(
        law.parameters, TrainingPoint(parameters: parameters, tokens: tokens), &gradient)
      return law.standardError(gradient).map { slope * $0 }
    case .anchor(_, .some(let growth)):
      return growth.standardError.map { slope * referenceLoss * $0 }
    }
  }

  private struct Estimate {
    var value: Double
    /// By parameter; the anchor's share included.
    var gradient: [Double]
    /// `L_opt` at the budget's `N`.
    var reference: Double
    /// `∂L/∂L_opt`.
    var referenceSlope: Double
  }

  private func evaluate(_ parameters: [Double], _ point: TrainingPoint) -> Estimate {
    var point = point
    var gradient = parameters
    let growth = growth(to: point.parameters)
    let slope = referenceSlope(parameters, point) * growth
    var reference = point.reference
    var anchorShare = [Double](repeating: 0, count: parameters.count)
    if let (anchor, factor) = self.reference.anchored {
      // The loss is linear in L_opt, so the anchor's measured loss gives L_opt in one step.
      var anchorPoint = anchor.point
      let anchorSlope = referenceSlope(parameters, anchorPoint)
      anchorPoint.reference = 0
      let floor = law.form.loss(parameters, anchorPoint, &gradient)
      anchorPoint.reference = (anchor.loss - floor) / anchorSlope
      _ = law.form.loss(parameters, anchorPoint, &anchorShare)
      for index in anchorShare.indices { anchorShare[index] *= -slope * factor / anchorSlope }
      reference = anchorPoint.reference * factor
    }
    point.reference = reference * growth
    let value = law.form.loss(parameters, point, &gradient)
    let experts = expertFactor(point)
    for index in gradient.indices {
      gradient[index] = experts * (gradient[index] + anchorShare[index])
    }
    return Estimate(
      value: experts * value, gradient: gradient, reference: reference,
      referenceSlope: experts * slope)
  }

  private func referenceSlope(_ parameters: [Double], _ point: TrainingPoint) -> Double {
    guard law.form.referenceRole != .none else { return 0 }
    var point = point
    var gradient = parameters
    point.reference = 1
    let atOne = law.form.loss(parameters, point, &gradient)
    point.reference = 0
    return atOne - law.form.loss(parameters, point, &gradient)
  }

  /// Standard deviation of a single run's loss about the law; an anchor is one run too.
  private func scatter(slope: Double) -> Double? {
    guard let deviation = law.uncertainty?.residualStandardDeviation else { return nil }
    let share = anchorShare(slope: slope)
    return deviation * (1 + share * share).squareRoot()
  }

  /// How an error of the anchor's loss moves a loss with this slope by `L_opt`; 0 without an anchor.
  private func anchorShare(slope: Double) -> Double {
    guard let (anchor, factor) = reference.anchored else { return 0 }
    return slope * factor / referenceSlope(law.parameters, anchor.point)
  }

  private var growthExtrapolated: [String] {
    guard case .anchor(_, let growth?) = reference else { return [] }
    return growth.extrapolated
  }

  private var notes: [String] {
    func place(_ anchor: LossAnchor) -> String {
      "\(anchor.architecture.name) (N = \(ScalingLaw.short(anchor.point.parameters)), "
        + "D = \(ScalingLaw.short(anchor.tokens)))"
    }
    let budget =
      "N = \(ScalingLaw.short(parameters))"
      + (tokens.isFinite ? ", D = \(ScalingLaw.short(tokens))" : "")
    switch reference {
    case .notNeeded, .anchor(_, nil), .unknown(nil): return []
    case .law(let law):
      return law.uncertainty?.covariance != nil
        ? [] : ["no interval: the law of L_opt, \(law.name), does not say how well it is known"]
    case .unknown(.some(let anchor)):
      return [
        "no loss, since L_opt is known at \(place(anchor)) and no law of N and D carries it to "
          + budget
      ]
    case .anchor(let anchor, .some(let growth)):
      return [
        "L_opt is carried from \(place(anchor)) to \(budget) by \(growth.law.name), a law of other "
          + "runs"
      ]
        + (growth.standardError == nil
          ? ["no interval: \(growth.law.name) does not say how well it is known"] : [])
    }
  }
}

/// The law's value at a budget as a function of shape alone, as fast as the formula: for searches
/// that ask a million times. Not shared between threads.
public struct LossSurface {
  private let predictor: LossPredictor
  private let law: ScalingLaw
  private let budget: TrainingPoint
  /// Whether the law asks for more than shape: then dense models too are asked for by their sizes.
  public let needsSizes: Bool
  private var gradient: [Double]

  public init(_ predictor: LossPredictor) {
    self.predictor = predictor
    law = predictor.law
    needsSizes = law.form.features.contains(.experts)
    gradient = law.parameters
    budget = predictor.budget
  }

  /// Nats per token; what `LossPrediction.quantity` says for laws without a reference.
  ///
  /// - Parameters:
  ///   - normalizedHiddenSize: `x = d/√N`.
  ///   - mlpToAttentionRatio: `r`.
  ///   - aspectRatio: `d/L`.
  public mutating func loss(
    normalizedHiddenSize: Double, mlpToAttentionRatio: Double, aspectRatio: Double
  ) -> Double {
    var point = budget
    point.normalizedHiddenSize = normalizedHiddenSize
    point.mlpToAttentionRatio = mlpToAttentionRatio
    point.aspectRatio = aspectRatio
    return law.form.loss(law.parameters, point, &gradient)
  }

  /// The same of a mixture of experts.
  ///
  /// - Parameter shape: its size and tokens are replaced by the budget's.
  public mutating func loss(_ shape: TrainingPoint) -> Double {
    var point = shape
    point.parameters = predictor.size(of: shape)
    point.tokens = budget.tokens
    point.reference = budget.reference * predictor.growth(to: point.parameters)
    return predictor.expertFactor(point) * law.form.loss(law.parameters, point, &gradient)
  }

}

/// The loss that a search must not exceed.
public enum LossTarget: Sendable {
  /// Nats per token.
  case loss(Double)
  /// What the law expects of this shape at the budget.
  case shape(TrainingPoint)
}

extension LossPredictor {
  /// The budget with its `L_opt`, without a shape.
  fileprivate var budget: TrainingPoint {
    var point = TrainingPoint(parameters: parameters, tokens: tokens)
    point.reference = referenceLoss
    if reference.anchored != nil {
      // An anchor's L_opt is one number, whatever the shape that asks.
      point.normalizedHiddenSize = 1
      point.mlpToAttentionRatio = 1
      point.aspectRatio = 1
      point.reference = evaluate(law.parameters, point).reference
    }
    return point
  }

  /// The chance that a training run of `shape` ends at or below `target`; `nil` where neither the
  /// scatter of runs nor the law's covariance is known, or not the error of what experts change.
  ///
  /// The law's coefficients move candidate and target together where the target is a shape, and so
  /// does the anchor's own run; what is left is the difference of their derivatives. The candidate's
  /// run scatters about the law on top. What experts change cancels where both have as many.
  public func probability(of shape: TrainingPoint, atMost target: LossTarget) throws -> Double? {
    guard let uncertainty = law.uncertainty else { return nil }
    let point = atBudget(shape)
    let candidate = try estimate(point)
    var gradient = candidate.gradient
    var slope = candidate.referenceSlope
    let bound: Double
    var resampledBound: (([Double]) -> Double)?
    var isKnown = !isCorrected(shape)
    switch target {
    case .loss(let loss): bound = loss
    case .shape(let other):
      isKnown = experts == nil || other.experts == shape.experts
      let point = atBudget(other)
      let estimate = try estimate(point)
      bound = estimate.value
      slope -= estimate.referenceSlope
      for index in gradient.indices { gradient[index] -= estimate.gradient[index] }
      resampledBound = { evaluate($0, point).value }
    }
    guard isKnown, let referenceError = referenceError(slope, candidate.reference) else {
      return nil
    }
    var variance = referenceError * referenceError
    if uncertainty.resamples.count > 1 {
      let differences = uncertainty.resamples.map {
        evaluate($0, point).value - (resampledBound?($0) ?? bound)
      }
      variance += pow(Moments.standardDeviation(differences), 2)
    } else if let error = law.standardError(gradient) {
      variance += error * error
    }
    let scatter = uncertainty.residualStandardDeviation
    variance += scatter * scatter + pow(anchorShare(slope: slope) * scatter, 2)
    guard variance > 0 else { return nil }
    let distance = (bound - candidate.value) / variance.squareRoot()
    return StudentT.cumulative(
      distance, degreesOfFreedom: uncertainty.degreesOfFreedom.map(Double.init) ?? .infinity)
  }

  /// - Parameter point: at the budget.
  private func estimate(_ point: TrainingPoint) throws -> Estimate {
    let estimate = evaluate(law.parameters, point)
    guard estimate.value.isFinite else {
      throw InputError(
        law.name, problem: "gives no finite loss there", expected: "sound parameters and anchors")
    }
    return estimate
  }

  private func atBudget(_ shape: TrainingPoint) -> TrainingPoint {
    var point = shape
    point.parameters = size(of: shape)
    point.tokens = tokens
    point.reference = referenceLoss
    return point
  }
}

extension ScalingLaw {
  /// In what `point` leaves the fitted data, one sentence a feature.
  public func extrapolations(_ point: TrainingPoint) -> [String] {
    Feature.allCases.compactMap { feature in
      let value = feature.value(of: point)
      guard let range = domain[feature], value.isFinite else { return nil }
      // A hair of room: the range's ends were fitted data.
      guard value < range.lowerBound * (1 - 1e-9) || value > range.upperBound * (1 + 1e-9) else {
        return nil
      }
      return "\(feature.symbol) = \(Self.short(value)) is outside the fitted "
        + "\(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))"
    }
  }

  fileprivate static func short(_ value: Double) -> String { String(format: "%.4g", value) }
}
