import CMinpack

/// Non-linear least squares by Levenberg–Marquardt with analytic derivatives: MINPACK's `lmder`,
/// the routine behind `scipy.optimize.curve_fit`, which scales each parameter by the norm of its
/// column of derivatives.
public enum LeastSquares {
  public struct Solution: Sendable {
    public let parameters: [Double]
    /// Sum of squared residuals at `parameters`.
    public let residualSumOfSquares: Double
    public let stop: FitStop
    public let evaluations: Int
  }

  /// Minimises the sum of squared residuals from `start`.
  ///
  /// - Parameter tolerance: relative, of the sum of squares and of the parameters.
  /// - Precondition: at least as many rows as parameters.
  public static func minimize(
    _ model: ResidualModel, start: [Double], tolerance: Double = 1e-12,
    evaluationLimit: Int = 10_000
  ) -> Solution {
    let rows = model.rows
    let count = start.count
    precondition(rows >= count && count > 0)
    let context = Context(model, parameters: start)
    var parameters = start
    var residuals = [Double](repeating: 0, count: rows)
    var jacobian = [Double](repeating: 0, count: rows * count)
    var scales = [Double](repeating: 1, count: count)
    var pivots = [Int32](repeating: 0, count: count)
    var work = [Double](repeating: 0, count: 4 * count)
    var rowWork = [Double](repeating: 0, count: rows)
    var evaluations: Int32 = 0
    var jacobians: Int32 = 0

    let code = work.withUnsafeMutableBufferPointer { work in
      let start = work.baseAddress!
      return lmder(
        { pointer, rows, count, x, residuals, jacobian, leading, flag in
          Unmanaged<Context>.fromOpaque(pointer!).takeUnretainedValue()
            .evaluate(x!, residuals!, jacobian!, Int(leading), jacobianWanted: flag == 2)
        },
        Unmanaged.passUnretained(context).toOpaque(), Int32(rows), Int32(count), &parameters,
        &residuals, &jacobian, Int32(rows), tolerance, tolerance, 0, Int32(evaluationLimit),
        &scales, 1, 100, 0, &evaluations, &jacobians, &pivots, start, start + count,
        start + 2 * count, start + 3 * count, &rowWork)
    }
    withExtendedLifetime(context) {}
    return Solution(
      parameters: parameters,
      residualSumOfSquares: residuals.reduce(0) { $0 + $1 * $1 },
      stop: FitStop(lmderCode: code), evaluations: Int(evaluations))
  }

  /// What the C callback reaches through its opaque pointer.
  private final class Context {
    let model: ResidualModel
    var parameters: [Double]
    var gradient: [Double]
    private var isFirst = true

    init(_ model: ResidualModel, parameters: [Double]) {
      self.model = model
      self.parameters = parameters
      gradient = parameters
    }

    /// Fills the residuals or the Jacobian (stored by columns); negative asks MINPACK to stop.
    ///
    /// MINPACK has no notion of a point outside the domain: at the start it means failure, later a
    /// huge residual makes it take a shorter step.
    func evaluate(
      _ x: UnsafePointer<Double>, _ residuals: UnsafeMutablePointer<Double>,
      _ jacobian: UnsafeMutablePointer<Double>, _ leading: Int, jacobianWanted: Bool
    ) -> Int32 {
      for index in parameters.indices { parameters[index] = x[index] }
      for row in 0..<model.rows {
        var residual = model.residual(row, parameters, &gradient)
        if !residual.isFinite {
          if isFirst { return -1 }
          residual = 1e100
        }
        if jacobianWanted {
          for index in gradient.indices { jacobian[row + index * leading] = gradient[index] }
        } else {
          residuals[row] = residual
        }
      }
      isFirst = false
      return 0
    }
  }
}

extension FitStop {
  /// From the return value that `lmder`'s documentation lists.
  fileprivate init(lmderCode: Int32) {
    switch lmderCode {
    case 1, 2, 3, 4: self = .converged
    case 6, 7, 8: self = .machinePrecision
    case 5: self = .evaluationLimit
    case ..<0: self = .notFinite
    default: self = .failed
    }
  }
}
