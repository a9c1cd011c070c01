import Foundation
import Input
import Model

/// Where a conditional law takes `L_opt(N, D)` from.
public indirect enum LossReference: Sendable {
  /// A law of `N` and `D` fitted on the same data.
  case law(ScalingLaw)
  /// Measured models, one or several; the nearest in `N` and `D` (by ratio) serves. At its own size
  /// and tokens `L_opt` follows from its loss; elsewhere `scaling`, a law of `N` and `D`, carries it
  /// there, and without one it is not known.
  case anchors([LossAnchor], scaling: ScalingLaw? = nil)
}

/// A trained model whose loss is known. `L_opt` is what the law needs to give that loss there.
public struct LossAnchor: Sendable {
  public let architecture: Architecture
  public let tokens: Double
  public let loss: Double

  /// How far a budget's `N` and `D` may be from the anchor's, relative, for `L_opt` to be the same.
  public static let tolerance = 0.05

  public init(architecture: Architecture, tokens: Double, loss: Double) {
    self.architecture = architecture
    self.tokens = tokens
    self.loss = loss
  }

  public var point: TrainingPoint { TrainingPoint(architecture, tokens: tokens) }

  /// - Throws: where its tokens are absurd for its size.
  public func validated() throws -> LossAnchor {
    try within("anchor \(architecture.name)") {
      guard point.experts == 1 else {
        throw InputError(
          problem: "has experts, of which L_opt is not known", expected: "a dense model")
      }
      try TrainingBudget.check(tokens: tokens, parameters: point.parameters)
    }
    return self
  }

  func isAt(parameters: Double, tokens: Double) -> Bool {
    [parameters / point.parameters, tokens / self.tokens].allSatisfy {
      abs(log($0)) <= log1p(Self.tolerance)
    }
  }

  /// By the logarithms of `N` and, where they are given, of the tokens.
  func distance(parameters: Double, tokens: Double?) -> Double {
    hypot(log(point.parameters / parameters), tokens.map { log(self.tokens / $0) } ?? 0)
  }
}

/// Which budgets of training are plausible.
public enum TrainingBudget {
  /// Tokens for each parameter: the published data have 0.04 and more, and small models of today some
  /// 60,000. Outside of this a unit was left out.
  static let tokensPerParameter = 0.01...1e6

  /// Refuses absurd numbers of training tokens.
  public static func check(tokens: Double, parameters: Double) throws {
    guard !tokensPerParameter.contains(tokens / parameters) else { return }
    throw InputError(
      "tokens",
      problem: "\(text(tokens)) is \(text(tokens / parameters)) for each of "
        + "\(text(parameters)) parameters",
      expected: "0.01 to 1e6 a parameter, with a unit such as 100B")
  }

  private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}
