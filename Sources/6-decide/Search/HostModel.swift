import CostModel
import Foundation
import Input
import Model
import Numerics
import Records

/// The cost model of the machine that a closed loop measures on, calibrated anew after each round.
///
/// Only ratios of neighbours in time mean anything on a shared machine, so what is fitted are the
/// ratios: `ln gain = f(θ) + δ + ε`, θ the logarithms of the engine's coefficients (compute, memory,
/// cache memory, …) with the profile's values and covariance as the prior, δ the formulas' own error
/// (a Gaussian process over shapes), ε the pairs' noise. The estimate is the maximum of the
/// posterior, by Gauss and Newton: linear in θ around the latest values, which is conditioning a
/// Gaussian. A coefficient that ratios do not tell keeps its prior.
package struct HostModel {
  private let profile: DeviceProfile
  private let engine: ServingEngine
  private let settings: Predictor.Settings
  private let workload: ServingWorkload
  private let baseline: Architecture
  private let pool: [Architecture]

  private let priorLogs: [Double]
  package var priorCoefficients: [Double] { priorLogs }
  private let priorCovariance: [[Double]]
  private let formVariance: Double
  package let coefficientNames: [String]

  /// Predictions before any measurement.
  package let prior: GainBelief
  package private(set) var belief: GainBelief
  /// θ, and its covariance.
  package private(set) var logCoefficients: [Double]
  package private(set) var coefficientCovariance: [[Double]]
  /// What the measurements say of the formulas' own error: its spread over the assumed one, and
  /// over which distance it is shared.
  private(set) var formScale = 1.0
  private(set) var distance = ShapeDistance()
  private(set) var calibrated: DeviceProfile

  /// - Throws: `InputError` where an architecture does not fit.
  package init(_ scenario: Scenario, baseline: Architecture, pool: [Architecture]) throws {
    profile = scenario.profile
    engine = scenario.engine
    settings = scenario.settings
    workload = scenario.workload
    self.baseline = baseline
    self.pool = pool
    let predictor = try Predictor(profile, engine, settings)
    priorLogs = predictor.logCoefficients
    priorCovariance = predictor.coefficientCovariance
    formVariance = predictor.formVariance(
      for: ([baseline] + pool).filter { $0.firstExperts != nil })
    coefficientNames = predictor.coefficientNames
    logCoefficients = priorLogs
    coefficientCovariance = priorCovariance
    calibrated = profile
    let point = try Self.linearised(predictor, workload, baseline, pool)
    let model = Self.model(point, priorCovariance, formVariance, distance)
    prior = GainBelief(
      mean: point.subjects.map(model.logGain), covariance: Self.matrix(model, point.subjects))
    belief = prior
  }

  private struct Linearised {
    let baseline: GainModel.Subject
    let subjects: [GainModel.Subject]
  }

  private static func linearised(
    _ predictor: Predictor, _ workload: ServingWorkload, _ baseline: Architecture,
    _ pool: [Architecture]
  ) throws -> Linearised {
    func subject(_ architecture: Architecture) throws -> GainModel.Subject {
      guard let throughput = predictor.logThroughput(architecture, workload) else {
        throw InputError(
          architecture.name, problem: "does not fit \(predictor.profile.name)",
          expected: "a smaller batch, depth, model or dtype")
      }
      return GainModel.Subject(shape: Shape(architecture), throughput: throughput)
    }
    return Linearised(baseline: try subject(baseline), subjects: try pool.map(subject))
  }

  private static func model(
    _ point: Linearised, _ covariance: [[Double]], _ formVariance: Double, _ distance: ShapeDistance
  ) -> GainModel {
    var model = GainModel(
      baseline: point.baseline, covariance: covariance, formVariance: formVariance)
    model.distance = distance
    return model
  }

  private static func matrix(
    _ model: GainModel, _ subjects: [GainModel.Subject]
  ) -> [[Double]] {
    var matrix = [[Double]](
      repeating: [Double](repeating: 0, count: subjects.count), count: subjects.count)
    for row in subjects.indices {
      for column in 0...row {
        let value = model.covariance(subjects[row], subjects[column], over: model.baseline)
        matrix[row][column] = value
        matrix[column][row] = value
      }
    }
    return matrix
  }

  /// Takes in everything that was measured so far.
  package mutating func calibrate(_ measured: [PooledGain]) throws {
    guard !measured.isEmpty else { return }
    for _ in 0..<3 {
      let predictor = try Predictor(calibrated, engine, settings)
      let point = try Self.linearised(predictor, workload, baseline, pool)
      chooseForm(point, measured)
      let model = Self.model(
        point, priorCovariance, formVariance * formScale * formScale, distance)
      var belief = GainBelief(
        mean: priorMeans(point), covariance: Self.matrix(model, point.subjects))
      updateCoefficients(point, belief, measured)
      for gain in measured {
        belief.observe(gain.index, gain.logGain, variance: gain.variance)
      }
      self.belief = belief
      calibrated = predictor.recalibratedProfile(
        logCoefficients: logCoefficients, covariance: coefficientCovariance,
        provenance: "ratios measured by dyno search",
        samples: measured.reduce(0) { $0 + $1.visits })
    }
  }

  /// Gains by the prior coefficients, as the linearisation at the latest ones has them.
  private func priorMeans(_ point: Linearised) -> [Double] {
    let step = zip(priorLogs, logCoefficients).map { $0 - $1 }
    return point.subjects.map { subject in
      let slopes = relativeSlopes(subject, point.baseline)
      return subject.throughput.value - point.baseline.throughput.value
        + zip(slopes, step).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  private func relativeSlopes(
    _ subject: GainModel.Subject, _ baseline: GainModel.Subject
  ) -> [Double] {
    zip(subject.throughput.slopes, baseline.throughput.slopes).map { $0 - $1 }
  }

  /// θ given the measurements: its prior and the gains are one Gaussian.
  private mutating func updateCoefficients(
    _ point: Linearised, _ prior: GainBelief, _ measured: [PooledGain]
  ) {
    guard let system = Self.system(prior, measured) else { return }
    let inverse = system.factor.inverse()
    // Covariance of θ with each measured gain.
    let cross = measured.map { gain -> [Double] in
      let slopes = relativeSlopes(point.subjects[gain.index], point.baseline)
      return priorCovariance.map { row in zip(row, slopes).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    let weights = inverse.map { row in zip(row, system.residuals).reduce(0) { $0 + $1.0 * $1.1 } }
    logCoefficients = priorLogs.indices.map { index in
      measured.indices.reduce(priorLogs[index]) { $0 + cross[$1][index] * weights[$1] }
    }
    coefficientCovariance = priorLogs.indices.map { row in
      priorLogs.indices.map { column in
        var told = 0.0
        for first in measured.indices {
          for second in measured.indices {
            told += cross[first][row] * inverse[first][second] * cross[second][column]
          }
        }
        return priorCovariance[row][column] - told
      }
    }
  }

  private static func system(
    _ prior: GainBelief, _ measured: [PooledGain]
  ) -> (factor: PositiveDefinite, residuals: [Double])? {
    let matrix = measured.indices.map { row in
      measured.indices.map { column in
        prior.covariance[measured[row].index][measured[column].index]
          + (row == column ? measured[row].variance : 0)
      }
    }
    guard let factor = try? PositiveDefinite(matrix, tolerance: 0) else { return nil }
    return (factor, measured.map { $0.logGain - prior.mean[$0.index] })
  }

  /// Spread, length and own share of the formulas' error: the likeliest by the measurements, of a
  /// few around those assumed (each step away costs as much likelihood as one standard deviation of
  /// a prior). With few measurements nothing moves.
  private mutating func chooseForm(_ point: Linearised, _ measured: [PooledGain]) {
    guard measured.count >= 4 else { return }
    let means = priorMeans(point)
    var best = -Double.infinity
    for (scale, scaleSteps) in [(0.35, 2.0), (0.6, 1), (1, 0), (1.7, 1), (2.8, 2)] {
      for (length, lengthSteps) in [(0.35, 1.0), (log(2.0), 0), (1.4, 1)] {
        for (share, shareSteps) in [(0.06, 1.0), (0.25, 0), (0.6, 1)] {
          var candidate = ShapeDistance()
          candidate.length = length
          candidate.ownShare = share
          let model = Self.model(
            point, priorCovariance, formVariance * scale * scale, candidate)
          let belief = GainBelief(mean: means, covariance: Self.matrix(model, point.subjects))
          guard let system = Self.system(belief, measured) else { continue }
          let distance = system.factor.forwardSolved(system.residuals).reduce(0) { $0 + $1 * $1 }
          let steps =
            scaleSteps * scaleSteps + lengthSteps * lengthSteps + shareSteps * shareSteps
          let likelihood = -0.5 * (distance + system.factor.logDeterminant + steps)
          if likelihood > best {
            best = likelihood
            formScale = scale
            self.distance = candidate
          }
        }
      }
    }
  }
}
