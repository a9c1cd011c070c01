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

  /// Predictions by the prior alone, of other devices. Intervals have what is left of other devices'
  /// own rows (`spread`, by regime, a 90% half-width) and what devices differ by.
  public func compareCarried(_ rows: [Row], spread: (String) -> Double) -> [Comparison] {
    let step = 1e-3
    let center = Form(context, prior.values)
    let shifted = prior.logValues.indices.map { index in
      var logs = prior.logValues
      logs[index] += step
      return Form(context, logs.map(exp))
    }
    return rows.map { row in
      let regime = Form.regime(row.shape)
      let predicted = center.cost(row.shape).seconds
      let variance = zip(shifted, prior.spreads).reduce(0.0) { sum, pair in
        let slope = log(pair.0.cost(row.shape).seconds / predicted) / step
        return sum + slope * slope * pair.1 * pair.1
      }
      let own = spread(regime)
      return Comparison(
        predicted: predicted, measured: row.seconds, regime: regime,
        spread: (own * own + 1.645 * 1.645 * variance).squareRoot())
    }
  }

  /// Mean errors on the first fold by fits to so many rows of the others: what more rows bring.
  func gains(_ rows: [Row], folds: [Set<String>], seed: UInt64) -> [(rows: Int, mean: Double)] {
    let held = rows.filter { folds[0].contains($0.group) }
    var generator = SeededGenerator(seed: seed)
    let rest = rows.filter { !folds[0].contains($0.group) }.shuffled(using: &generator)
    return [0, 10, 50, 500].filter { $0 < rest.count }.map { count in
      let values = count == 0 ? prior.values : fit(Array(rest.prefix(count))).values
      return (count, ErrorSummary(compare(held, values)).mean)
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
