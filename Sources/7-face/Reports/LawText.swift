import Foundation
import ScalingLaws

/// Pieces that the reports of laws share.
enum LawText {
  static func interval(_ range: ClosedRange<Double>) -> String {
    "[\(Quantity.number(range.lowerBound)), \(Quantity.number(range.upperBound))]"
  }

  static func optional(_ value: Double?, _ digits: Int = 4) -> String {
    value.map { Quantity.number($0, digits: digits) } ?? "–"
  }

  /// A validation, a held-out size a row, beside the constant predictor.
  static func table(_ validation: Validation) -> String {
    var table = Table([
      ("held out", .left), ("fitted rows", .right), ("rows", .right), ("MSE", .right),
      ("constant's MSE", .right), ("Spearman", .right), ("R²", .right), ("in 95%", .right),
    ])
    for fold in validation.folds {
      table.add([
        fold.heldOut, "\(fold.fittedRows)", fold.quality.map { "\($0.rows)" } ?? "–",
        optional(fold.quality?.meanSquaredError), optional(fold.constantMeanSquaredError),
        optional(fold.quality?.spearman), optional(fold.quality?.rSquared),
        fold.intervalCoverage.map(Quantity.percent) ?? "–",
      ])
    }
    table.add([
      "all", "", validation.overall.map { "\($0.rows)" } ?? "–",
      optional(validation.overall?.meanSquaredError),
      optional(validation.overallConstantMeanSquaredError),
      optional(validation.overall?.spearman), optional(validation.overall?.rSquared),
      validation.overallIntervalCoverage.map(Quantity.percent) ?? "–",
    ])
    let failures = validation.folds.compactMap { fold in
      fold.failure.map { "\(fold.heldOut) could not be predicted: \($0)" }
    }
    return (["validation: \(validation.method.rawValue)", table.rendered()] + failures)
      .joined(separator: "\n")
  }
}
