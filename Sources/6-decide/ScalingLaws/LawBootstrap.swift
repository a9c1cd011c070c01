import Foundation
import Input
import Numerics

/// What is drawn again to see how a fit varies.
public enum Resampling: String, CaseIterable, Codable, Sendable {
  /// Rows, with replacement.
  case cases
  /// Residuals, with replacement, put back on the fitted losses. Each is first divided by
  /// `√(1 - h)`, h its leverage, since fitted residuals are smaller than the scatter.
  case residuals
}

extension LawFit {
  /// The same fit with its law refitted to `count` resampled data sets, on all cores. Intervals of
  /// the returned fit and law come from the percentiles of the refits.
  ///
  /// Refits start from the estimate. Those that fail, or run off beyond 1e100, are left out: compare
  /// `law.uncertainty.resamples.count` with `count`.
  ///
  /// - Throws: `InputError` where more than half of the refits fail: percentiles of the others would
  ///   be of chosen data.
  public func bootstrapped(
    _ resampling: Resampling, count: Int, seed: UInt64 = 1
  ) throws -> LawFit {
    let form = law.form
    let parameters = law.parameters
    let rows = rows
    let residuals = resampling == .residuals ? adjustedResiduals() : []
    let fitted = rows.map { self.law.loss($0.point) }
    let refits = Bootstrap.replicate(count, seed: seed) { generator -> [Double]? in
      var drawn = rows
      for index in drawn.indices {
        let other = Int.random(in: 0..<rows.count, using: &generator)
        switch resampling {
        case .cases: drawn[index] = rows[other]
        case .residuals:
          drawn[index].loss =
            fitted[index] + residuals[other]
        }
      }
      let problem = FitProblem(form, drawn)
      let solution = problem.solve(starts: [parameters])
      let refitted = problem.coordinates.parameters(solution.coordinates)
      // A positive parameter that vanishes has no logarithm, nor a covariance.
      let isSound =
        refitted.allSatisfy { abs($0) < 1e100 }
        && problem.coordinates.coordinates(refitted).allSatisfy(\.isFinite)
      return solution.stop.succeeded && isSound ? refitted : nil
    }
    var law = law
    let degreesOfFreedom = law.uncertainty?.degreesOfFreedom ?? 0
    let resamples = refits.compactMap { $0 }
    guard resamples.count > 1, 2 * resamples.count >= count else {
      throw InputError(
        law.name,
        problem: "\(resamples.count) of \(count) refits to resampled data succeeded",
        expected: "at least half: more rows, or intervals from the covariance")
    }
    law.uncertainty?.resamples = resamples
    law.uncertainty?.covariance = Self.covariance(resamples.map(Coordinates(form).coordinates))
    // Leverage makes up for fitted residuals' smallness in least squares, but not where a fit passes
    // close to some rows, as nearly absolute losses do.
    let isWidened = resampling == .residuals && form.objective == .leastSquares
    law.uncertainty?.resampledRows = isWidened ? degreesOfFreedom : rows.count
    return LawFit(self, law: law)
  }

  /// `fit` with another law of the same form and data, whose resamples give the intervals.
  private init(_ fit: LawFit, law: ScalingLaw) {
    self.law = law
    stop = fit.stop
    rows = fit.rows
    quality = fit.quality
    let coordinates = Coordinates(law.form)
    let uncertainty = law.uncertainty
    let resamples = uncertainty?.resamples ?? []
    standardErrors = (0..<coordinates.count).map { index in
      Moments.standardDeviation(resamples.map { $0[coordinates.free[index]] })
    }
    intervals = (0..<coordinates.count).map { index in
      Bootstrap.interval(
        resamples.map { $0[coordinates.free[index]] }, rows: uncertainty?.resampledRows ?? 0,
        degreesOfFreedom: uncertainty?.degreesOfFreedom ?? 0) ?? fit.intervals[index]
    }
  }

  /// Of the columns; `nil` with fewer than 2 rows.
  private static func covariance(_ rows: [[Double]]) -> [[Double]]? {
    guard rows.count > 1 else { return nil }
    let columns = rows[0].indices
    let means = columns.map { column in Moments.mean(rows.map { $0[column] }) }
    return columns.map { first in
      columns.map { second in
        rows.reduce(0) { $0 + ($1[first] - means[first]) * ($1[second] - means[second]) }
          / Double(rows.count - 1)
      }
    }
  }

  /// Measured less fitted loss, widened by leverage and centred.
  private func adjustedResiduals() -> [Double] {
    let problem = FitProblem(law.form, rows)
    let coordinates = problem.coordinates.coordinates(law.parameters)
    let residuals = problem.lossResiduals(coordinates)
    let jacobian = problem.model.evaluate(coordinates).jacobian
    // The fit has shown this matrix to be positive definite.
    guard let normal = try? PositiveDefinite(PositiveDefinite.normalMatrix(jacobian)) else {
      return residuals.map { -$0 }
    }
    let adjusted = residuals.indices.map { row in
      let leverage = normal.forwardSolved(jacobian[row]).reduce(0) { $0 + $1 * $1 }
      return -residuals[row] / max(1 - leverage, 1e-6).squareRoot()
    }
    let mean = Moments.mean(adjusted)
    return adjusted.map { $0 - mean }
  }
}
