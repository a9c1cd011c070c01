import Foundation

/// A small dense symmetric positive definite matrix, factored: `M = S·R·Rᵀ·S` with `S` the square
/// roots of the diagonal and `R` lower triangular (Cholesky), so that the scales of its rows do
/// not matter.
public struct PositiveDefinite: Sendable {
  private let scale: [Double]
  private let factor: [[Double]]

  /// The first row that depends linearly on those before it.
  public struct Dependent: Error { public let row: Int }

  /// - Parameter tolerance: a row counts as dependent where less than this share of its diagonal is
  ///   left once the rows before it are taken out (1 - R² of a regression on them).
  public init(_ matrix: [[Double]], tolerance: Double = 1e-10) throws(Dependent) {
    let count = matrix.count
    var scale = [Double](repeating: 0, count: count)
    for row in 0..<count {
      guard matrix[row][row] > 0, matrix[row][row].isFinite else { throw Dependent(row: row) }
      scale[row] = matrix[row][row].squareRoot()
    }
    var factor = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    for row in 0..<count {
      for column in 0...row {
        var value = matrix[row][column] / (scale[row] * scale[column])
        for index in 0..<column { value -= factor[row][index] * factor[column][index] }
        if row == column {
          guard value > tolerance else { throw Dependent(row: row) }
          factor[row][row] = value.squareRoot()
        } else {
          factor[row][column] = value / factor[column][column]
        }
      }
    }
    self.scale = scale
    self.factor = factor
  }

  /// `JᵀJ` of a Jacobian given row by row.
  public static func normalMatrix(_ jacobian: [[Double]]) -> [[Double]] {
    let count = jacobian.first?.count ?? 0
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    for gradient in jacobian {
      for row in 0..<count {
        for column in 0...row { matrix[row][column] += gradient[row] * gradient[column] }
      }
    }
    for row in 0..<count {
      for column in 0..<row { matrix[column][row] = matrix[row][column] }
    }
    return matrix
  }

  /// `y` with `S·R·y = vector`.
  public func forwardSolved(_ vector: [Double]) -> [Double] {
    var result = vector
    for row in result.indices {
      var value = vector[row] / scale[row]
      for index in 0..<row { value -= factor[row][index] * result[index] }
      result[row] = value / factor[row][row]
    }
    return result
  }

  /// `y` with `(S·R)ᵀ·y = vector`.
  public func backwardSolved(_ vector: [Double]) -> [Double] {
    var result = vector
    for row in result.indices.reversed() {
      var value = vector[row]
      for index in (row + 1)..<max(row + 1, result.count) {
        value -= factor[index][row] * result[index]
      }
      result[row] = value / factor[row][row]
    }
    return result.indices.map { result[$0] / scale[$0] }
  }

  /// Natural logarithm of the determinant.
  public var logDeterminant: Double {
    scale.indices.reduce(0) { $0 + 2 * (log(factor[$1][$1]) + log(scale[$1])) }
  }

  public func inverse() -> [[Double]] {
    scale.indices.map { row in
      var unit = [Double](repeating: 0, count: scale.count)
      unit[row] = 1
      return backwardSolved(forwardSolved(unit))
    }
  }
}
