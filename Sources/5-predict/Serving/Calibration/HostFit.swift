import Foundation

/// Fits an engine's host constants to measured runs.
///
/// Residuals are logarithms of predicted over measured mean TTFT and TPOT, in units of 25% and 8%, by
/// Gauss-Newton steps on the constants' logarithms; those beyond 1.5 count by their magnitude only
/// (Huber), and each constant has a prior. A simulation is a staircase in them: slopes are taken over
/// steps of 15%.
public struct HostFit: Sendable {
  public static let deviations = (first: 0.25, rest: 0.08)

  /// Spreads of the priors, in natural logarithms.
  private static let spreads = [0.15, 1, 1, 1, 1, 1]
  private static let step = 0.15

  /// Means of a run that constants give, in seconds; `nil` where it cannot be served.
  public typealias Predict = (HostConstants) -> (first: Double, rest: Double)?

  public struct Row {
    public var run: ServingRun
    public var predict: Predict

    public init(_ run: ServingRun, _ predict: @escaping Predict) {
      self.run = run
      self.predict = predict
    }

    /// Logarithms of predicted over measured: TTFT, TPOT.
    public func errors(_ constants: HostConstants) -> (first: Double, rest: Double)? {
      predict(constants).map {
        (log($0.first / run.timeToFirstToken), log($0.rest / run.timePerOutputToken))
      }
    }
  }

  /// - Parameter iterations: at most; each simulates all runs about eight times.
  public static func fit(
    _ rows: [Row], prior: HostConstants, iterations: Int = 5
  ) -> HostConstants {
    let start = logarithms(prior)
    var point = start
    var values = residuals(rows, point)
    var best = cost(values, point, start)
    for _ in 0..<iterations {
      let slopes = point.indices.map { index -> [Double] in
        var moved = point
        moved[index] += step
        return zip(residuals(rows, moved), values).map { ($0 - $1) / step }
      }
      var move = newton(values, slopes, point, start)
      var isBetter = false
      for _ in 0..<3 {
        let next = zip(point, move).map(+)
        let found = residuals(rows, next)
        let value = cost(found, next, start)
        if value < best - 1e-3 {
          (point, values, best, isBetter) = (next, found, value, true)
          break
        }
        move = move.map { $0 / 3 }
      }
      if !isBetter { break }
    }
    return constants(point)
  }

  /// In units of the deviations; what cannot be served counts as far off.
  private static func residuals(_ rows: [Row], _ point: [Double]) -> [Double] {
    let host = constants(point)
    return rows.flatMap { row -> [Double] in
      guard let errors = row.errors(host) else { return [10, 10] }
      return [errors.first / deviations.first, errors.rest / deviations.rest]
    }
  }

  private static let edge = 1.5

  private static func cost(_ values: [Double], _ point: [Double], _ start: [Double]) -> Double {
    var sum = 0.0
    for value in values {
      let size = abs(value)
      sum += size < edge ? size * size / 2 : edge * size - edge * edge / 2
    }
    for index in point.indices {
      let z = (point[index] - start[index]) / spreads[index]
      sum += z * z / 2
    }
    return sum
  }

  /// The step that solves the weighted normal equations, each part at most e-fold.
  private static func newton(
    _ values: [Double], _ slopes: [[Double]], _ point: [Double], _ start: [Double]
  ) -> [Double] {
    let count = point.count
    let weights = values.map { abs($0) < edge ? 1 : edge / abs($0) }
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: count + 1), count: count)
    for row in 0..<count {
      let precision = 1 / (spreads[row] * spreads[row])
      matrix[row][row] = precision
      matrix[row][count] = -(point[row] - start[row]) * precision
      for index in values.indices {
        let weighted = weights[index] * slopes[row][index]
        for column in 0..<count { matrix[row][column] += weighted * slopes[column][index] }
        matrix[row][count] -= weighted * values[index]
      }
      matrix[row][row] *= 1.05
    }
    // The matrix is positive definite: its priors are on the diagonal. No pivots are needed.
    for row in 0..<count {
      let pivot = matrix[row][row]
      for column in row...count { matrix[row][column] /= pivot }
      for other in 0..<count where other != row {
        let share = matrix[other][row]
        for column in row...count { matrix[other][column] -= share * matrix[row][column] }
      }
    }
    return matrix.map { max(-1, min(1, $0[count])) }
  }

  private static func logarithms(_ host: HostConstants) -> [Double] {
    [host.factor, host.step, host.prefill, host.sequence, host.request, host.token].map {
      log(max($0, 1e-9))
    }
  }

  private static func constants(_ logarithms: [Double]) -> HostConstants {
    let values = logarithms.map(exp)
    return HostConstants(
      factor: values[0], step: values[1], prefill: values[2], sequence: values[3],
      request: values[4], token: values[5])
  }
}
