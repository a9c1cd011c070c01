import Foundation
import Input
import Numerics

/// A law fitted to training runs.
public struct LawFit: Sendable {
  public let law: ScalingLaw
  public let stop: FitStop
  /// Rows the law was fitted to.
  public let rows: [TrainingTable.Row]
  /// Standard error of each free parameter: the standard deviation over resamples, else from the
  /// covariance.
  public let standardErrors: [Double]
  /// 95%, for each free parameter.
  public let intervals: [ClosedRange<Double>]
  public let quality: FitQuality

  /// Names of the parameters that were fitted.
  public var freeParameters: [String] { Coordinates(law.form).names }
  /// Names and values of those that a gauge holds.
  public var heldParameters: [String: Double] {
    Dictionary(
      uniqueKeysWithValues: law.form.parameters.compactMap { parameter in
        parameter.gauge.map { (parameter.name, $0) }
      })
  }
}

/// How well predictions agree with measured losses.
public struct FitQuality: Sendable, Codable {
  public let rows: Int
  public let meanSquaredError: Double
  /// `nil` where losses or predictions do not differ.
  public let spearman: Double?
  /// 1 less the share of the losses' variance that is left; `nil` where losses do not differ.
  public let rSquared: Double?

  public init(predicted: [Double], measured: [Double]) {
    rows = measured.count
    let squares = zip(predicted, measured).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    meanSquaredError = squares / Double(measured.count)
    spearman = RankCorrelation.spearman(predicted, measured)
    let mean = Moments.mean(measured)
    let total = measured.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    rSquared = total > 0 ? 1 - squares / total : nil
  }
}

extension LawFit {
  /// Fits `form` to `table`, whose rows must carry every quantity the form needs.
  ///
  /// - Throws: `InputError` where the rows cannot determine the law, naming the row or column; and
  ///   where the fit fails, saying why.
  public init(
    _ form: any LawForm.Type, _ table: TrainingTable, name: String, reference: LossReference? = nil,
    source: String, starts: [[Double]]? = nil
  ) throws {
    try Identifiability.check(form, table)
    let problem = FitProblem(form, table.rows)
    let solution = problem.solve(
      starts: starts ?? form.starts(table.rows.map(\.point), losses: table.rows.map(\.loss)))
    guard solution.stop.succeeded else {
      throw InputError(
        table.name, problem: "the fit of \(form.name) failed: \(solution.stop.rawValue)",
        expected: "data that follow the form more closely, or another form")
    }
    let uncertainty = try problem.uncertainty(solution, table: table)
    let parameters = problem.coordinates.parameters(solution.coordinates)
    try Identifiability.checkFloor(form, parameters, table)
    law = ScalingLaw(
      name: name, form: form, parameters: parameters, reference: reference,
      uncertainty: uncertainty, domain: Self.domain(form, table.rows), source: source)
    stop = solution.stop
    rows = table.rows
    let covariance = uncertainty.covariance ?? []
    let coordinates = problem.coordinates
    let errors = covariance.indices.map { covariance[$0][$0].squareRoot() }
    standardErrors = errors.indices.map {
      coordinates.parameterError(ofFree: $0, parameters, standardError: errors[$0])
    }
    let t = law.t95
    intervals = errors.indices.map {
      coordinates.interval(ofFree: $0, parameters, standardError: errors[$0], t: t)
    }
    quality = FitQuality(
      predicted: table.rows.map { [law] in law.loss($0.point) }, measured: table.rows.map(\.loss))
  }

  private static func domain(
    _ form: any LawForm.Type, _ rows: [TrainingTable.Row]
  ) -> [Feature: ClosedRange<Double>] {
    var domain: [Feature: ClosedRange<Double>] = [:]
    for feature in Feature.allCases
    where form.features.contains(feature) || feature == .parameters || feature == .tokens {
      let values = rows.map { feature.value(of: $0.point) }
      guard values.allSatisfy(\.isFinite), let low = values.min(), let high = values.max() else {
        continue
      }
      domain[feature] = low...high
    }
    return domain
  }
}
