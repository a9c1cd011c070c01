import Foundation
import Model

/// What the laws know of a model and its training: sizes, shape and the reference loss.
///
/// A quantity that is not known is NaN; `Feature` says which ones a form needs, and whoever builds
/// points for it checks them.
public struct TrainingPoint: Sendable {
  /// `N`, non-embedding parameters; of a mixture of experts those that a token passes, and so in `x` and
  /// `r`.
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
  /// `E`: MLP parameters that there are, shared experts included, over those that a token passes; with
  /// one of so many experts active, their number. 1 of a dense model.
  public var experts = 1.0
  /// `N` over all non-embedding parameters: 1 of a dense model.
  public var activeShare = 1.0
  /// Parameters of the embedding and the head, `2·d·V`, tied or not: for laws that count them in `N`,
  /// where they are not in `parameters` already.
  public var embeddings = 0.0

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
    let counts = architecture.parameters
    let (hidden, active) = (Double(architecture.hiddenSize), Double(counts.activeNonEmbedding))
    let passed = Double(counts.mlp - counts.inactive)
    self.init(
      parameters: active, tokens: tokens, normalizedHiddenSize: hidden / active.squareRoot(),
      mlpToAttentionRatio: passed / Double(counts.attention),
      aspectRatio: hidden / Double(architecture.layers.count), reference: reference)
    experts = counts.inactive > 0 ? Double(counts.mlp) / passed : 1
    activeShare = active / Double(counts.nonEmbedding)
    embeddings = 2 * hidden * Double(architecture.vocabularySize)
  }
}

/// A quantity that a law depends on.
public enum Feature: String, CaseIterable, Codable, Sendable {
  case parameters
  case tokens
  case normalizedHiddenSize = "normalized_hidden_size"
  case mlpToAttentionRatio = "mlp_to_attention_ratio"
  case aspectRatio = "aspect_ratio"
  case experts

  public func value(of point: TrainingPoint) -> Double {
    switch self {
    case .parameters: point.parameters
    case .tokens: point.tokens
    case .normalizedHiddenSize: point.normalizedHiddenSize
    case .mlpToAttentionRatio: point.mlpToAttentionRatio
    case .aspectRatio: point.aspectRatio
    case .experts: point.experts
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
    case .experts: "E"
    }
  }
}
