import Foundation
import Input
import Numerics

/// A form and the rows it is fitted to: what the minimisers work on.
struct FitProblem {
  let form: any LawForm.Type
  let coordinates: Coordinates
  let points: [TrainingPoint]
  var losses: [Double]

  struct Solution {
    var coordinates: [Double]
    /// Sum of squares, or of Huber's loss in units of delta.
    var objective: Double
    var stop: FitStop
  }

  init(_ form: any LawForm.Type, _ rows: [TrainingTable.Row]) {
    self.form = form
    coordinates = Coordinates(form)
    points = rows.map(\.point)
    losses = rows.map(\.loss)
  }

  /// Residuals (predicted less measured loss, or their logarithms) by coordinate.
  var model: ResidualModel {
    let isLogarithmic = form.objective != .leastSquares
    var byParameter = [Double](repeating: 0, count: form.parameters.count)
    return ResidualModel(rows: points.count) {
      [form, coordinates, points, losses] row, values, gradient in
      let parameters = coordinates.parameters(values)
      let predicted = form.loss(parameters, points[row], &byParameter)
      coordinates.gradient(byParameter, parameters, into: &gradient)
      guard isLogarithmic else { return predicted - losses[row] }
      for index in gradient.indices { gradient[index] /= predicted }
      return log(predicted / losses[row])
    }
  }

  /// The best of the minima found from each of `starts` (in parameters).
  func solve(starts: [[Double]]) -> Solution {
    let model = model
    let solutions = starts.map { solve(model, from: coordinates.coordinates($0)) }
    let succeeded = solutions.filter { $0.stop.succeeded && $0.objective.isFinite }
    return (succeeded.isEmpty ? solutions : succeeded).min { $0.objective < $1.objective }!
  }

  private func solve(_ model: ResidualModel, from start: [Double]) -> Solution {
    switch form.objective {
    case .leastSquares:
      let solution = LeastSquares.minimize(model, start: start)
      return Solution(
        coordinates: solution.parameters, objective: solution.residualSumOfSquares,
        stop: solution.stop)
    case .huberOfLogLoss(let delta):
      let solution = HuberRegression.minimize(model, start: start, delta: delta)
      return Solution(
        coordinates: solution.parameters, objective: solution.objective, stop: solution.stop)
    }
  }

  /// Predicted less measured losses, whatever the objective.
  func lossResiduals(_ coordinates: [Double]) -> [Double] {
    let parameters = self.coordinates.parameters(coordinates)
    var gradient = parameters
    return points.indices.map { form.loss(parameters, points[$0], &gradient) - losses[$0] }
  }

  /// The covariance of the coordinates and the scatter of the rows.
  ///
  /// Least squares: `s²(JᵀJ)⁻¹`. Huber: `K²·[Σψ²/(n-p)]/[Σψ'/n]²·(JᵀJ)⁻¹` with ψ the derivative of
  /// Huber's loss and K Huber's correction for p/n (Huber 1981, Robust Statistics, equation
  /// 7.6.12).
  func uncertainty(_ solution: Solution, table: TrainingTable) throws -> LawUncertainty {
    let (residuals, jacobian) = model.evaluate(solution.coordinates)
    let normal: PositiveDefinite
    do {
      normal = try PositiveDefinite(PositiveDefinite.normalMatrix(jacobian))
    } catch {
      throw InputError(
        table.name,
        problem: "parameter \(coordinates.names[error.row]) of \(form.name) cannot be told from "
          + "the others",
        expected: "rows that vary "
          + form.features.map(\.symbol).joined(separator: ", ") + " independently")
    }
    let n = Double(residuals.count)
    let degreesOfFreedom = residuals.count - coordinates.count
    let variance =
      lossResiduals(solution.coordinates).reduce(0) { $0 + $1 * $1 } / Double(degreesOfFreedom)
    var factor = variance
    if case .huberOfLogLoss(let delta) = form.objective {
      let inside = Double(residuals.count { abs($0) <= delta }) / n
      guard inside > 0 else {
        throw InputError(
          table.name, problem: "no row is within \(delta) of the fitted log loss",
          expected: "data that follow \(form.name) more closely")
      }
      let psi = residuals.reduce(0) { sum, residual in
        let slope = min(max(residual, -delta), delta)
        return sum + slope * slope
      }
      let correction = 1 + Double(coordinates.count) / n * (1 - inside) / inside
      factor = correction * correction * psi / Double(degreesOfFreedom) / (inside * inside)
    }
    return LawUncertainty(
      residualStandardDeviation: variance.squareRoot(),
      degreesOfFreedom: degreesOfFreedom,
      covariance: normal.inverse().map { $0.map { $0 * factor } })
  }
}
