import Foundation
import Numerics

/// Fits one family of operators and measures its error on data that the fit has not seen.
public struct FamilyCalibration<Form: CostForm>: Sendable {
  public typealias Row = Timing<Form.Shape>

  public let context: DeviceContext
  public let prior: Prior

  public init(_ context: DeviceContext, prior: Prior = Prior(Form.coefficients)) {
    self.context = context
    self.prior = prior
  }

  public func fit(_ rows: [Row]) -> FamilyFit {
    FamilyFit(Form.self, rows, context, prior: prior)
  }

  public func compare(_ rows: [Row], _ values: [Double], spreads: Spreads? = nil) -> [Comparison] {
    let form = Form(context, values)
    return rows.map { row in
      let regime = Form.regime(row.shape)
      return Comparison(
        predicted: form.cost(row.shape).seconds, measured: row.seconds, regime: regime,
        spread: spreads?[regime])
    }
  }

  /// Predictions of every row by fits that have not seen its group: `folds` say which groups are
  /// held out together.
  public func crossValidated(_ rows: [Row], folds: [Set<String>]) -> [Comparison] {
    let parts = Parallel.map(folds.count) { index in
      let held = rows.filter { folds[index].contains($0.group) }
      let rest = rows.filter { !folds[index].contains($0.group) }
      return compare(held, fit(rest).values)
    }
    return parts.flatMap { $0 }
  }

  /// Spreads of intervals for a fit to `rows`, from folds inside them.
  public func spreads(_ rows: [Row], seed: UInt64 = 0) -> Spreads {
    Spreads(crossValidated(rows, folds: Folds.random(rows.map(\.group), count: 5, seed: seed)))
  }

  /// The bar's experiment: fit to one part, predict the other with intervals from folds inside the
  /// first.
  public func validated(fit training: [Row], predict held: [Row]) -> [Comparison] {
    compare(held, fit(training).values, spreads: spreads(training))
  }
}
