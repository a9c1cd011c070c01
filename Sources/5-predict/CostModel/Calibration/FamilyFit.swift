import Foundation
import Numerics

/// A timing to fit: a shape and its seconds.
public struct Timing<Shape: Hashable & Sendable>: Sendable {
  public var shape: Shape
  public var seconds: Double
  /// What belongs together when data are held out.
  public var group: String
  /// Where it is from, for messages.
  public var origin: String

  public init(shape: Shape, seconds: Double, group: String, origin: String = "") {
    self.shape = shape
    self.seconds = seconds
    self.group = group
    self.origin = origin
  }
}

/// Where a fit starts from and is drawn towards: the rung below.
public struct Prior: Sendable {
  /// Natural logarithms of the coefficients.
  public var logValues: [Double]
  /// Standard deviations of those.
  public var spreads: [Double]

  public init(logValues: [Double], spreads: [Double]) {
    self.logValues = logValues
    self.spreads = spreads
  }

  public init(_ coefficients: [Coefficient]) {
    logValues = coefficients.map { log($0.nominal) }
    spreads = coefficients.map(\.spread)
  }

  public var values: [Double] { logValues.map(exp) }
}

/// Coefficients of a form, fitted to timings.
///
/// The residual is `ln(predicted / measured)`, so that relative errors count alike at 10 µs and at
/// 10 ms. The estimate is the maximum of the posterior: Student-like robustness by Huber's weights
/// (iteratively reweighted), the prior as one more residual a coefficient, and Levenberg–Marquardt
/// (MINPACK) in the logarithms of the coefficients.
public struct FamilyFit: Sendable {
  public var logValues: [Double]
  /// Of `logValues`; the prior's spread where the data say nothing.
  public var standardErrors: [Double]
  /// Of `logValues`; empty where the data and the prior leave it undetermined.
  public var covariance: [[Double]]
  /// Robust standard deviation of the residuals.
  public var scale: Double
  /// Of the residuals, per degree of freedom.
  public var rootMeanSquare: Double
  public var stop: FitStop
  public var rows: Int
  /// Coefficients whose standard error stayed above 0.9 of the prior's spread: the data do not
  /// tell them.
  public var unidentified: [Int]

  public var values: [Double] { logValues.map(exp) }

  /// Residuals beyond this many scales count by their absolute value.
  static let huberPoint = 1.5

  /// - Parameter assumedScale: what the residuals' scale is taken for until there are enough rows
  ///   to tell: a few rows must not look like perfect agreement.
  public init<Form: CostForm>(
    _ form: Form.Type, _ timings: [Timing<Form.Shape>], _ context: DeviceContext, prior: Prior,
    assumedScale: Double = 0.1
  ) {
    self.init(
      rows: timings.count, prior: prior, assumedScale: assumedScale,
      prepare: { Form(context, $0) },
      residual: { form, row in log(form.cost(timings[row].shape).seconds / timings[row].seconds) })
  }

  /// The same for any model with a residual a row.
  ///
  /// - Parameter leastScale: below this, differences are the clock's; more where rows share a part
  ///   of their error, which their scatter does not show.
  public init<Model>(
    rows count: Int, prior: Prior, assumedScale: Double = 0.1, leastScale: Double = 0.005,
    prepare: @escaping ([Double]) -> Model, residual: @escaping (Model, Int) -> Double
  ) {
    let parameters = prior.logValues.count
    let cache = PreparedModels(prepare)
    var weights = [Double](repeating: 1, count: count)
    var scale = assumedScale
    var current = prior.logValues
    var stop = FitStop.converged
    // Pseudo-rows that hold the scale near what is assumed while rows are few.
    let assumedRows = 10.0

    func problem(_ scale: Double) -> ResidualModel {
      ResidualModel(rows: count + parameters) { row, values, gradient in
        guard row < count else {
          let index = row - count
          for other in gradient.indices { gradient[other] = 0 }
          gradient[index] = scale / prior.spreads[index]
          return (values[index] - prior.logValues[index]) * scale / prior.spreads[index]
        }
        let models = cache.models(at: values)
        let root = weights[row].squareRoot()
        let value = residual(models.center, row)
        for index in gradient.indices {
          gradient[index] =
            root * (residual(models.shifted[index], row) - value) / PreparedModels<Model>.step
        }
        return root * value
      }
    }

    for _ in 0..<12 {
      let solution = LeastSquares.minimize(
        problem(scale), start: current, tolerance: 1e-8, evaluationLimit: 200)
      stop = solution.stop
      let center = cache.models(at: solution.parameters).center
      let residuals = (0..<count).map { abs(residual(center, $0)) }
      let moved = zip(solution.parameters, current).map { abs($0 - $1) }.max() ?? 0
      current = solution.parameters
      let robust = count == 0 ? assumedScale : 1.4826 * Quantiles.median(residuals)
      let mixed =
        (robust * robust * Double(count) + assumedScale * assumedScale * assumedRows)
        / (Double(count) + assumedRows)
      let next = max(leastScale, mixed.squareRoot())
      let settled = moved < 1e-3 && abs(next / scale - 1) < 0.01
      scale = next
      for row in 0..<count {
        weights[row] = min(1, Self.huberPoint * scale / max(residuals[row], 1e-300))
      }
      if settled || !solution.stop.succeeded && solution.stop != .evaluationLimit { break }
    }

    let (_, jacobian) = problem(scale).evaluate(current)
    let final = cache.models(at: current).center
    let squares = (0..<count).reduce(0.0) {
      let value = residual(final, $1)
      return $0 + value * value
    }
    rootMeanSquare =
      count > 0 ? (squares / Double(max(1, count - parameters))).squareRoot() : assumedScale
    let normal = PositiveDefinite.normalMatrix(jacobian)
    let inverse = (try? PositiveDefinite(normal, tolerance: 0))?.inverse()
    covariance = (inverse ?? []).map { $0.map { $0 * scale * scale } }
    let errors = prior.spreads.indices.map { [covariance] index in
      min(
        prior.spreads[index], covariance.isEmpty ? .infinity : covariance[index][index].squareRoot()
      )
    }
    logValues = current
    standardErrors = errors
    self.scale = scale
    self.stop = stop
    rows = count
    unidentified = errors.indices.filter { errors[$0] > 0.9 * prior.spreads[$0] }
  }
}

/// A form prepared at a point and at a small step along each coefficient from it, kept until the
/// point changes: rows are evaluated one by one, and all ask for the same point.
private final class PreparedModels<Model> {
  static var step: Double { 1e-5 }

  private let prepare: ([Double]) -> Model
  private var point: [Double] = []
  private var kept: (center: Model, shifted: [Model])?

  init(_ prepare: @escaping ([Double]) -> Model) { self.prepare = prepare }

  func models(at point: [Double]) -> (center: Model, shifted: [Model]) {
    if let kept, point == self.point { return kept }
    self.point = point
    let models = (
      center: prepare(point.map(exp)),
      shifted: point.indices.map { index in
        var shifted = point
        shifted[index] += Self.step
        return prepare(shifted.map(exp))
      }
    )
    kept = models
    return models
  }
}
