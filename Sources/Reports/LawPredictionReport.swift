import Architectures
import Foundation
import ScalingLaws

/// What `dyno law predict` says of an architecture.
public struct LawPredictionReport: Encodable, Sendable {
  public let architecture: String
  public let law: String
  public let nonEmbeddingParameters: Int
  public let tokens: Double?
  /// `x = d/√N`.
  public let x: Double
  public let r: Double
  /// Nats per token; absent where the law predicts relative to `L_opt` only.
  public let loss: Double?
  public let ratioToReference: Double?
  public let differenceFromReference: Double?
  /// `L_opt`.
  public let referenceLoss: Double?
  /// Of the loss of one new run.
  public let interval95: ClosedRange<Double>?
  /// Of the law's value.
  public let confidence95: ClosedRange<Double>?
  public let extrapolated: [String]
  /// Symbols of what the law depends on over a range that it does not state, so that leaving it
  /// cannot be told.
  public let rangeUnknown: [String]

  public init(
    _ architecture: Architecture, law: ScalingLaw, tokens: Double?, _ prediction: LossPrediction
  ) {
    func value(_ quantity: LossPrediction.Quantity) -> Double? {
      prediction.quantity == quantity ? prediction.value : nil
    }
    self.architecture = architecture.name
    self.law = law.name
    nonEmbeddingParameters = architecture.parameters.nonEmbedding
    self.tokens = tokens
    x = architecture.normalizedHiddenSize
    r = architecture.mlpToAttentionRatio
    loss = value(.loss)
    ratioToReference = value(.ratioToReference)
    differenceFromReference = value(.differenceFromReference)
    referenceLoss = prediction.reference
    interval95 = prediction.prediction95
    confidence95 = prediction.confidence95
    extrapolated = prediction.extrapolated
    rangeUnknown = law.form.features.filter { law.domain[$0] == nil }.map(\.symbol)
  }

  /// The same for people: an architecture a row, then what is extrapolated.
  public static func table(_ reports: [LawPredictionReport]) -> String {
    let title =
      switch reports.first.map({ ($0.loss, $0.ratioToReference) }) {
      case (_?, _)?: "loss"
      case (nil, _?)?: "ratio to L_opt"
      default: "difference from L_opt"
      }
    var table = Table([
      ("architecture", .left), ("N", .right), ("x", .right), ("r", .right), (title, .right),
      ("95% of a run", .left), ("95% of the law", .left), ("L_opt", .right),
    ])
    for report in reports {
      let value = report.loss ?? report.ratioToReference ?? report.differenceFromReference
      table.add([
        report.architecture, Quantity.count(Double(report.nonEmbeddingParameters)),
        Quantity.number(report.x), Quantity.number(report.r), LawText.optional(value, 5),
        report.interval95.map(LawText.interval) ?? "–",
        report.confidence95.map(LawText.interval) ?? "–", LawText.optional(report.referenceLoss, 5),
      ])
    }
    let warnings = reports.flatMap { report in
      report.extrapolated.map { "extrapolated, \(report.architecture): \($0)" }
    }
    let notes = (reports.first?.rangeUnknown ?? []).map {
      "not checked for extrapolation, the law states no range: \($0)"
    }
    let remarks = warnings + notes
    return ([table.rendered()] + (remarks.isEmpty ? [] : [""] + remarks))
      .joined(separator: "\n")
  }
}
