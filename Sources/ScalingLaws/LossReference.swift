import Architectures
import Foundation

/// Where a conditional law takes `L_opt(N, D)` from.
public indirect enum LossReference: Sendable {
  /// A law of `N` and `D` fitted on the same data.
  case law(ScalingLaw)
  /// Measured models, one or several; the one whose `N` is nearest (by ratio) serves.
  case anchors([LossAnchor])
}

/// A trained model whose loss is known. `L_opt` is what the law needs to give that loss there.
public struct LossAnchor: Sendable {
  public let architecture: Architecture
  public let tokens: Double
  public let loss: Double

  public init(architecture: Architecture, tokens: Double, loss: Double) {
    self.architecture = architecture
    self.tokens = tokens
    self.loss = loss
  }

  public var point: TrainingPoint { TrainingPoint(architecture, tokens: tokens) }
}
