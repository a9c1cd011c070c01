import CNLopt
import Foundation

/// Robust regression: the sum of Huber's loss over residuals, minimised by L-BFGS (NLopt).
///
/// Huber's loss of a residual `z` in units of `delta` is `z²/2` up to 1 and `|z| - 1/2` beyond
/// (Huber 1964). Units of `delta` keep the objective near the number of rows; summed in units of
/// the residual it would be so small that tolerances end the search early.
public enum HuberRegression {
  public struct Solution: Sendable {
    public let parameters: [Double]
    /// Sum of Huber's loss of `residual / delta`.
    public let objective: Double
    public let stop: FitStop
    public let evaluations: Int
  }

  /// Minimises from `start`.
  ///
  /// Parameters are searched in coordinates where the Gauss–Newton matrix of the least squares
  /// problem at the start is the identity: power laws' coefficients and exponents are otherwise
  /// nearly collinear. The search is begun again from where it ends, with fresh coordinates, until
  /// that gains nothing: L-BFGS alone stalls on the kinks of a loss that is nearly absolute.
  public static func minimize(
    _ model: ResidualModel, start: [Double], delta: Double, evaluationLimit: Int = 5000
  ) -> Solution {
    var best = Solution(
      parameters: start, objective: objective(model, start, delta), stop: .notFinite,
      evaluations: 0)
    guard best.objective.isFinite else { return best }
    for _ in 0..<20 where best.evaluations < evaluationLimit {
      let round = search(
        model, from: best, delta: delta, evaluationLimit: evaluationLimit - best.evaluations)
      let gain = best.objective - round.objective
      let evaluations = best.evaluations + round.evaluations
      let settled = gain <= 1e-9 * best.objective && round.stop != .evaluationLimit
      let stop: FitStop =
        settled ? .converged : evaluations >= evaluationLimit ? .evaluationLimit : round.stop
      best = Solution(
        parameters: gain > 0 ? round.parameters : best.parameters,
        objective: min(round.objective, best.objective), stop: stop, evaluations: evaluations)
      if settled || stop == .notFinite { break }
    }
    return best
  }

  private static func objective(
    _ model: ResidualModel, _ parameters: [Double], _ delta: Double
  ) -> Double {
    var gradient = parameters
    return (0..<model.rows).reduce(0) {
      $0 + loss(model.residual($1, parameters, &gradient) / delta).value
    }
  }

  /// Huber's loss at `z`, in units of delta, and its derivative.
  static func loss(_ z: Double) -> (value: Double, slope: Double) {
    abs(z) <= 1 ? (z * z / 2, z) : (abs(z) - 0.5, z < 0 ? -1 : 1)
  }

  /// One run of L-BFGS in coordinates `u`: `parameters = origin + C·u`.
  private static func search(
    _ model: ResidualModel, from origin: Solution, delta: Double, evaluationLimit: Int
  ) -> Solution {
    var normal = PositiveDefinite.normalMatrix(model.evaluate(origin.parameters).jacobian)
    // A little ridge: a start where two parameters are collinear is no reason to give up.
    for index in normal.indices {
      normal[index][index] = normal[index][index] * (1 + 1e-9) + 1e-300
    }
    guard let whitening = try? PositiveDefinite(normal, tolerance: 0) else {
      return Solution(
        parameters: origin.parameters, objective: origin.objective, stop: .notFinite,
        evaluations: 0)
    }
    let context = Context(
      model, origin: origin.parameters, whitening: whitening, delta: delta)
    let count = origin.parameters.count
    let optimizer = nlopt_create(NLOPT_LD_LBFGS, UInt32(count))
    defer { nlopt_destroy(optimizer) }
    nlopt_set_min_objective(
      optimizer,
      { _, u, gradient, pointer in
        Unmanaged<Context>.fromOpaque(pointer!).takeUnretainedValue().evaluate(u!, gradient)
      }, Unmanaged.passUnretained(context).toOpaque())
    nlopt_set_ftol_rel(optimizer, 1e-11)
    nlopt_set_xtol_rel(optimizer, 1e-12)
    nlopt_set_maxeval(optimizer, Int32(evaluationLimit))
    var u = [Double](repeating: 0, count: count)
    var value = 0.0
    let code = nlopt_optimize(optimizer, &u, &value)
    withExtendedLifetime(context) {}
    return Solution(
      parameters: context.best.parameters, objective: context.best.objective,
      stop: FitStop(nloptCode: code), evaluations: context.evaluations)
  }

  private final class Context {
    let model: ResidualModel
    let origin: [Double]
    let whitening: PositiveDefinite
    let delta: Double
    /// One standard step in `u` moves residuals by `delta` in the root mean square.
    let step: Double
    var evaluations = 0
    /// The best point seen: a line search that fails may end elsewhere.
    var best: (parameters: [Double], objective: Double)

    init(_ model: ResidualModel, origin: [Double], whitening: PositiveDefinite, delta: Double) {
      self.model = model
      self.origin = origin
      self.whitening = whitening
      self.delta = delta
      step = delta * Double(model.rows).squareRoot()
      best = (origin, .infinity)
    }

    func evaluate(
      _ u: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>?
    ) -> Double {
      evaluations += 1
      let shift = whitening.backwardSolved(origin.indices.map { step * u[$0] })
      let parameters = origin.indices.map { origin[$0] + shift[$0] }
      var total = 0.0
      var slopes = [Double](repeating: 0, count: origin.count)
      var row = slopes
      for index in 0..<model.rows {
        let loss = HuberRegression.loss(model.residual(index, parameters, &row) / delta)
        total += loss.value
        for parameter in slopes.indices { slopes[parameter] += loss.slope * row[parameter] }
      }
      if let gradient {
        let whitened = whitening.forwardSolved(slopes)
        for index in slopes.indices { gradient[index] = whitened[index] * step / delta }
      }
      // NLopt has no notion of a point outside the domain; a huge value makes it step back.
      guard total.isFinite else { return 1e300 }
      if total < best.objective { best = (parameters, total) }
      return total
    }
  }
}

extension FitStop {
  fileprivate init(nloptCode: nlopt_result) {
    switch nloptCode {
    case NLOPT_SUCCESS, NLOPT_STOPVAL_REACHED, NLOPT_FTOL_REACHED, NLOPT_XTOL_REACHED:
      self = .converged
    case NLOPT_ROUNDOFF_LIMITED: self = .machinePrecision
    case NLOPT_MAXEVAL_REACHED: self = .evaluationLimit
    default: self = .failed
    }
  }
}
