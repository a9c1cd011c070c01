import Input

/// A family of laws: a formula with free parameters. A new form is one small type that conforms,
/// and a line in `LawForms.all`.
public protocol LawForm: Sendable {
  /// As law files and the command line spell it.
  static var name: String { get }
  /// For people.
  static var formula: String { get }
  static var parameters: [LawParameter] { get }
  /// The quantities it depends on, the reference loss apart.
  static var features: [Feature] { get }
  /// How the reference loss `L_opt` enters. Where it does, the loss must be linear in it.
  static var referenceRole: ReferenceRole { get }
  static var objective: FitObjective { get }
  /// How many different values of a feature the parameters need to be told apart.
  static var distinctValues: [Feature: Int] { get }

  /// The loss, in nats per token, at `point`, and its derivative by each of `parameters` written
  /// into `gradient`.
  static func loss(_ parameters: [Double], _ point: TrainingPoint, _ gradient: inout [Double])
    -> Double

  /// Where fits begin: parameters, one or several sets.
  static func starts(_ points: [TrainingPoint], losses: [Double]) -> [[Double]]

  /// The shape (`x`, `r`) of least loss; `nil` where the form has no such thing.
  static func optimum(_ parameters: [Double]) throws -> ShapeOptimum?
}

extension LawForm {
  public static func optimum(_ parameters: [Double]) throws -> ShapeOptimum? { nil }

  /// Whether it can give a conditional law its `L_opt(N, D)`.
  static var isOfSizeAndTokensAlone: Bool {
    referenceRole == .none && features.allSatisfy { [.parameters, .tokens].contains($0) }
  }
}

/// A parameter of a form.
public struct LawParameter: Sendable {
  public let name: String
  /// Positive parameters are fitted by their logarithm.
  public let isPositive: Bool
  /// The value a fit holds it at, where the formula or the data leave it undetermined.
  public let gauge: Double?

  public init(_ name: String, isPositive: Bool = false, gauge: Double? = nil) {
    self.name = name
    self.isPositive = isPositive
    self.gauge = gauge
  }
}

public enum ReferenceRole: Sendable {
  case none
  /// The loss is a multiple of `L_opt`.
  case factor
  /// The loss is `L_opt` and something added to it.
  case offset
}

/// What a fit makes small.
public enum FitObjective: Sendable, Equatable {
  /// Squares of predicted minus measured loss.
  case leastSquares
  /// Huber's loss of the difference of logarithms, with this `delta`.
  case huberOfLogLoss(delta: Double)
}

/// The shape of least loss and what is needed for its uncertainty.
public struct ShapeOptimum: Sendable {
  /// `x* = d/√N`.
  public let normalizedHiddenSize: Double
  /// `r*`.
  public let mlpToAttentionRatio: Double
  /// Derivatives of `ln x*` and `ln r*` by each parameter.
  public let logarithmicGradients: (x: [Double], r: [Double])
}

/// The forms Dyno knows.
public enum LawForms {
  public static let all: [any LawForm.Type] = [
    Chinchilla.self, ConditionalMultiplicative.self, ConditionalAdditive.self,
    ConditionalJoint.self, AspectRatio.self, ExpertsJoint.self,
  ]

  public static func named(_ name: String) throws -> any LawForm.Type {
    guard let form = all.first(where: { $0.name == name }) else {
      throw InputError(
        "form", problem: "\"\(name.prefix(60))\" is not known",
        expected: "one of " + all.map { $0.name }.joined(separator: ", "))
    }
    return form
  }
}
