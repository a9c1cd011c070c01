/// A model to fit: residuals of rows and their derivatives by the parameters.
///
/// Both fitting routines (`LeastSquares`, `HuberRegression`) take one.
public struct ResidualModel {
  /// The residual of `row` (counted from 0) at `parameters`; writes its derivative by each
  /// parameter into `gradient`, which has as many elements as there are parameters.
  public typealias Residual = (
    _ row: Int, _ parameters: [Double], _ gradient: inout [Double]
  ) -> Double

  public let rows: Int
  public let residual: Residual

  public init(rows: Int, residual: @escaping Residual) {
    self.rows = rows
    self.residual = residual
  }

  /// All residuals, and their derivatives row by row.
  public func evaluate(_ parameters: [Double]) -> (residuals: [Double], jacobian: [[Double]]) {
    var residuals: [Double] = []
    var jacobian: [[Double]] = []
    residuals.reserveCapacity(rows)
    jacobian.reserveCapacity(rows)
    for row in 0..<rows {
      var gradient = [Double](repeating: 0, count: parameters.count)
      residuals.append(residual(row, parameters, &gradient))
      jacobian.append(gradient)
    }
    return (residuals, jacobian)
  }
}

/// Why a fit ended.
public enum FitStop: String, Codable, Sendable {
  /// The objective no longer falls, or the parameters no longer move.
  case converged
  /// Nothing left to gain at machine precision.
  case machinePrecision = "machine_precision"
  case evaluationLimit = "evaluation_limit"
  /// A residual was not finite where the routine could not step around it.
  case notFinite = "not_finite"
  /// The routine gave up for another reason.
  case failed

  /// Whether the parameters are a minimum.
  public var succeeded: Bool { self == .converged || self == .machinePrecision }
}
