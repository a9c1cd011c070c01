import Foundation
import Model

/// What the laws know of a model and its training: sizes, shape and the reference loss.
///
/// A quantity that is not known is NaN; `Feature` says which ones a form needs, and whoever builds
/// points for it checks them.
public struct TrainingPoint: Sendable {
  /// `N`, non-embedding parameters.
  public var parameters: Double
  /// `D`, training tokens.
  public var tokens: Double
  /// `x = d/√N`.
  public var normalizedHiddenSize: Double
  /// `r`, MLP over attention parameters.
  public var mlpToAttentionRatio: Double
  /// `d/L`, hidden size over layers.
  public var aspectRatio: Double
  /// `L_opt`, in nats per token.
  public var reference: Double

  public init(
    parameters: Double, tokens: Double = .nan, normalizedHiddenSize: Double = .nan,
    mlpToAttentionRatio: Double = .nan, aspectRatio: Double = .nan, reference: Double = .nan
  ) {
    self.parameters = parameters
    self.tokens = tokens
    self.normalizedHiddenSize = normalizedHiddenSize
    self.mlpToAttentionRatio = mlpToAttentionRatio
    self.aspectRatio = aspectRatio
    self.reference = reference
  }

  public init(_ architecture: Architecture, tokens: Double = .nan, reference: Double = .nan) {
    self.init(
      parameters: Double(architecture.parameters.nonEmbedding), tokens: tokens,
      normalizedHiddenSize: architecture.normalizedHiddenSize,
      mlpToAttentionRatio: architecture.mlpToAttentionRatio,
      aspectRatio: Double(architecture.hiddenSize) / Double(architecture.layers.count),
      reference: reference)
  }
}

/// A quantity that a law depends on.
public enum Feature: String, CaseIterable, Codable, Sendable {
  case parameters
  case tokens
  case normalizedHiddenSize = "normalized_hidden_size"
  case mlpToAttentionRatio = "mlp_to_attention_ratio"
  case aspectRatio = "aspect_ratio"

  public func value(of point: TrainingPoint) -> Double {
    switch self {
    case .parameters: point.parameters
    case .tokens: point.tokens
    case .normalizedHiddenSize: point.normalizedHiddenSize
    case .mlpToAttentionRatio: point.mlpToAttentionRatio
    case .aspectRatio: point.aspectRatio
    }
  }

  /// As the formulas write it.
  public var symbol: String {
    switch self {
    case .parameters: "N"
    case .tokens: "D"
    case .normalizedHiddenSize: "x = d/√N"
    case .mlpToAttentionRatio: "r"
    case .aspectRatio: "d/L"
    }
  }
}
