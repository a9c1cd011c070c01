import CostModel
import Foundation
import Numerics

/// What is believed of the gains of a pool of candidates: a Gaussian over all of them together.
///
/// Before any measurement it is the cost model's: its predictions, with errors that candidates share
/// by its coefficients' covariance and by `ShapeDistance`. Measurements condition it (Gaussian
/// process regression; Rasmussen & Williams 2006, equations 2.25 and 2.26), each with its own noise,
/// so a measurement of one candidate says something of its neighbours, and a noisy one little.
package struct GainBelief: Sendable {
  package private(set) var mean: [Double]
  package private(set) var covariance: [[Double]]

  package init(mean: [Double], covariance: [[Double]]) {
    self.mean = mean
    self.covariance = covariance
  }

  package func deviation(_ index: Int) -> Double { max(0, covariance[index][index]).squareRoot() }

  /// How all means move, in standard deviations of what one measurement of `index` would say.
  func influence(of index: Int, noise: Double) -> [Double] {
    let total = (covariance[index][index] + noise).squareRoot()
    guard total > 0 else { return mean.map { _ in 0 } }
    return mean.indices.map { covariance[$0][index] / total }
  }

  /// Takes in a measurement of one candidate.
  package mutating func observe(_ index: Int, _ value: Double, variance: Double) {
    let influence = influence(of: index, noise: variance)
    let surprise =
      (value - mean[index]) / (covariance[index][index] + variance).squareRoot()
    for row in mean.indices { mean[row] += influence[row] * surprise }
    reduce(influence)
  }

  /// What will be known once `index` has been measured, whatever comes out.
  mutating func anticipate(_ index: Int, noise: Double) {
    reduce(influence(of: index, noise: noise))
  }

  private mutating func reduce(_ influence: [Double]) {
    for row in mean.indices where influence[row] != 0 {
      for column in mean.indices { covariance[row][column] -= influence[row] * influence[column] }
    }
  }
}

/// Measurements of one candidate taken together.
package struct PooledGain: Sendable {
  package let index: Int
  /// Precision-weighted mean of the logarithms.
  let logGain: Double
  let variance: Double
  let visits: Int

  package init(index: Int, _ measurements: [GainMeasurement]) {
    let precision = measurements.reduce(0) { $0 + 1 / $1.variance }
    self.index = index
    logGain = measurements.reduce(0) { $0 + $1.logGain / $1.variance } / precision
    variance = 1 / precision
    visits = measurements.count
  }
}
