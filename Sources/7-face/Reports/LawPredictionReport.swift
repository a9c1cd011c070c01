import Foundation
import Model
import ScalingLaws

/// What `dyno law predict` says of an architecture.
public struct LawPredictionReport: Encodable, Sendable {
  public let architecture: String
  public let law: String
  public let nonEmbeddingParameters: Int
  /// Of these, those that a token passes, where experts make it fewer; `x` and `r` are of them.
  public let activeParameters: Int?
  /// MLP parameters over those that a token passes, of a mixture of experts.
  public let experts: Double?
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
  /// What `L_opt` rests on, where that is neither a run nor a law of its own; that losses of other laws
  /// beside it are not comparable.
  public let notes: [String]
  /// Symbols of what the law depends on over a range that it does not state, so that leaving it
  /// cannot be told.
  public let rangeUnknown: [String]

  /// - Parameter besideOthers: whether reports by other laws stand beside this one.
  public init(
    _ architecture: Architecture, law: ScalingLaw, tokens: Double, _ prediction: LossPrediction,
    besideOthers: Bool = false
  ) {
    func value(_ quantity: LossPrediction.Quantity) -> Double? {
      prediction.quantity == quantity ? prediction.value : nil
    }
    self.architecture = architecture.name
    self.law = law.name
    let (counts, point) = (architecture.parameters, TrainingPoint(architecture))
    nonEmbeddingParameters = counts.nonEmbedding
    activeParameters = counts.inactive > 0 ? counts.activeNonEmbedding : nil
    experts = counts.inactive > 0 ? point.experts : nil
    self.tokens = tokens.isFinite ? tokens : nil
    x = point.normalizedHiddenSize
    r = point.mlpToAttentionRatio
    loss = value(.loss)
    ratioToReference = value(.ratioToReference)
    differenceFromReference = value(.differenceFromReference)
    referenceLoss = prediction.reference
    interval95 = prediction.prediction95
    confidence95 = prediction.confidence95
    extrapolated = prediction.extrapolated
    notes = prediction.notes + (besideOthers ? [Self.notComparable] : [])
    rangeUnknown = law.form.features.filter { law.domain[$0] == nil }.map(\.symbol)
  }

  private static let notComparable =
    "losses of different laws are not comparable: each law is of its own corpus, tokenizer and runs"

  private var predicted: (what: String, value: Double?) {
    let quantity: LossPrediction.Quantity =
      loss != nil ? .loss : ratioToReference != nil ? .ratioToReference : .differenceFromReference
    return (quantity.words, loss ?? ratioToReference ?? differenceFromReference)
  }

  /// The same for people: an architecture and law a row, then what is extrapolated.
  public static func table(_ reports: [LawPredictionReport]) -> String {
    let laws = Set(reports.map(\.law))
    let kinds = Set(reports.map(\.predicted.what))
    let isMixed = kinds.count > 1
    var columns: [(String, Table.Alignment)] = [("architecture", .left)]
    if laws.count > 1 { columns.append(("law", .left)) }
    columns += [("N", .right), ("D", .right), ("x", .right), ("r", .right)]
    if isMixed { columns.append(("predicted", .left)) }
    columns += [
      (isMixed ? "value" : kinds.first ?? "loss", .right), ("95% of a run", .left),
      ("95% of the law", .left), ("L_opt", .right),
    ]
    var table = Table(columns)
    for report in reports {
      table.add(
        [report.architecture] + (laws.count > 1 ? [report.law] : [])
          + [
            Quantity.count(Double(report.activeParameters ?? report.nonEmbeddingParameters)),
            report.tokens.map(Quantity.count) ?? "–", Quantity.number(report.x),
            Quantity.number(report.r),
          ] + (isMixed ? [report.predicted.what] : [])
          + [
            LawText.optional(report.predicted.value, 5),
            report.interval95.map(LawText.interval) ?? "–",
            report.confidence95.map(LawText.interval) ?? "–",
            LawText.optional(report.referenceLoss, 5),
          ])
    }
    var remarks: [String] = []
    if reports.contains(where: { $0.notes.contains(notComparable) }) {
      remarks.append(notComparable)
    }
    for report in reports {
      let subject = laws.count > 1 ? "\(report.architecture) by \(report.law)" : report.architecture
      remarks += report.extrapolated.map { "extrapolated, \(subject): \($0)" }
      if let active = report.activeParameters {
        remarks.append(
          "\(subject): N is what a token passes, \(Quantity.count(Double(active))) of "
            + Quantity.count(Double(report.nonEmbeddingParameters)))
      }
      // What is said of all stands above.
      remarks += report.notes.filter { $0 != notComparable }.map { "\(subject): \($0)" }
    }
    var seen: Set<String> = []
    for report in reports where seen.insert(report.law).inserted {
      remarks += report.rangeUnknown.map {
        "not checked for extrapolation, \(report.law) states no range: \($0)"
      }
    }
    return ([table.rendered()] + (remarks.isEmpty ? [] : [""] + remarks))
      .joined(separator: "\n")
  }
}
