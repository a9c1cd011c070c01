import Foundation

/// Information capacity (arXiv 2511.08066): what a model saves of a text's bits by predicting it, over
/// the logarithm of what that costs. Models of one series have nearly the same.
package enum InformationCapacity {
  /// The paper's, for its mixed texts; it makes the models of a series agree.
  package static let bias = -24.0

  /// `(bits of text per token − bits of loss per token + bias) / log₂(FLOPs per token)`
  ///
  /// - Parameters:
  ///   - bytesPerToken: of UTF-8.
  ///   - loss: nats a token.
  ///   - flopsPerToken: of a forward pass, logits included; multiply-adds count 2.
  package static func value(
    bytesPerToken: Double, loss: Double, flopsPerToken: Double
  ) -> Double {
    (8 * bytesPerToken - loss / log(2) + bias) / log2(flopsPerToken)
  }
}
