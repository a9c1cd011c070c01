import Foundation
import Input
import Numerics

/// A form with its parameters, and what is known about them.
public struct ScalingLaw: Sendable {
  public var name: String
  public let form: any LawForm.Type
  /// In the order of the form's parameters.
  public var parameters: [Double]
  /// `nil` for forms that need none, and for laws that predict relative to `L_opt`.
  public var reference: LossReference?
  public var uncertainty: LawUncertainty?
  /// The range of each feature in the fitted data.
  public var domain: [Feature: ClosedRange<Double>]
  /// Where the numbers come from.
  public var source: String

  public init(
    name: String, form: any LawForm.Type, parameters: [Double], reference: LossReference? = nil,
    uncertainty: LawUncertainty? = nil, domain: [Feature: ClosedRange<Double>] = [:],
    source: String
  ) {
    precondition(parameters.count == form.parameters.count)
    self.name = name
    self.form = form
    self.parameters = parameters
    self.reference = reference
    self.uncertainty = uncertainty
    self.domain = domain
    self.source = source
  }

  /// The value of the formula at `point`, which carries its reference loss where one is needed.
  public func loss(_ point: TrainingPoint) -> Double {
    var gradient = parameters
    return form.loss(parameters, point, &gradient)
  }

  /// Student's t for two-sided 95% intervals.
  var t95: Double {
    StudentT.quantile(
      0.975, degreesOfFreedom: uncertainty?.degreesOfFreedom.map(Double.init) ?? .infinity)
  }

  /// `√(gᵀ·C·g)` for the derivative `g` of some quantity by each parameter; `nil` without a
  /// covariance.
  func standardError(_ gradient: [Double]) -> Double? {
    guard let covariance = uncertainty?.covariance else { return nil }
    return Coordinates(form).standardError(gradient, parameters, covariance)
  }
}

extension ScalingLaw {
  /// This law with what a user gives of its reference.
  ///
  /// - Parameters:
  ///   - anchors: in place of its own, where there are some.
  ///   - scaling: the law of `N` and `D` that carries anchors' `L_opt` elsewhere: a file, a shipped
  ///     law, or `none`; `nil` keeps the one it has.
  public func referenced(anchors: [LossAnchor], scaling: String?) throws -> ScalingLaw {
    guard !anchors.isEmpty || scaling != nil else { return self }
    guard form.referenceRole != .none else {
      throw InputError(
        anchors.isEmpty ? "scaling" : "anchor", problem: "does not apply to \(form.name)",
        expected: "a conditional law")
    }
    var known: (anchors: [LossAnchor], scaling: ScalingLaw?) = ([], nil)
    if case .anchors(let own, let carrier) = reference { known = (own, carrier) }
    if !anchors.isEmpty { known.anchors = try anchors.map { try $0.validated() } }
    guard !known.anchors.isEmpty else {
      throw InputError(
        "scaling", problem: "has nothing to carry: \(name) has no anchor", expected: "an anchor"
      )
    }
    switch scaling {
    case nil: break
    case "none": known.scaling = nil
    case .some(let name):
      let law = try within("scaling") { try LawZoo.resolve(name) }
      guard law.form.isOfSizeAndTokensAlone else {
        throw InputError(
          "scaling", problem: "\(law.name) has form \(law.form.name)",
          expected: "a law of N and D alone, such as \(Chinchilla.name)")
      }
      known.scaling = law
    }
    var law = self
    law.reference = .anchors(known.anchors, scaling: known.scaling)
    return law
  }
}
