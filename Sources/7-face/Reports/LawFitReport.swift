import Foundation
import ScalingLaws

/// What `dyno law fit` says.
public struct LawFitReport: Encodable, Sendable {
  public struct Parameter: Encodable, Sendable {
    public let name: String
    public let value: Double
    /// `nil` where a gauge holds it.
    public let standardError: Double?
    public let interval95: ClosedRange<Double>?
    /// Held by the gauge, not fitted.
    public let held: Bool
  }

  public let form: String
  public let formula: String
  public let parameters: [Parameter]
  /// Of the fitted coordinates: positive parameters by their logarithm.
  public let covariance: [[Double]]
  public let covarianceOf: [String]
  /// Positive parameters whose interval spans more than a factor of 1,000: these rows do not tell
  /// them, though predictions among the rows may be sound.
  public let poorlyDetermined: [String]
  /// covariance, cases or residuals.
  public let intervals: String
  public let resamples: Int
  public let failedResamples: Int
  public let stop: String
  public let rows: Int
  /// Lines of the file that an outlier rule left out.
  public let droppedLines: [Int]
  /// Scatter of runs about the law, nats.
  public let residualStandardDeviation: Double?
  public let degreesOfFreedom: Int
  public let quality: FitQuality
  /// `x*` and `r*`, of laws that have them.
  public let x: Double?
  public let xInterval95: ClosedRange<Double>?
  public let r: Double?
  public let rInterval95: ClosedRange<Double>?
  public let validation: Validation?

  public init(
    _ fit: LawFit, dropped: [Int], intervals: String, resamples: Int, validation: Validation?
  ) {
    let law = fit.law
    let free = fit.freeParameters
    form = law.form.name
    formula = law.form.formula
    parameters = zip(law.form.parameters, law.parameters).map { specification, value in
      guard let index = free.firstIndex(of: specification.name) else {
        return Parameter(
          name: specification.name, value: value, standardError: nil, interval95: nil, held: true)
      }
      return Parameter(
        name: specification.name, value: value,
        standardError: fit.standardErrors[index],
        interval95: fit.intervals[index], held: false)
    }
    covariance = law.uncertainty?.covariance ?? []
    covarianceOf = law.form.parameters.filter { $0.gauge == nil }.map {
      $0.isPositive ? "ln \($0.name)" : $0.name
    }
    poorlyDetermined = zip(free, fit.intervals).compactMap { name, interval in
      let isPositive = law.form.parameters.contains { $0.name == name && $0.isPositive }
      return isPositive && interval.upperBound > 1000 * interval.lowerBound ? name : nil
    }
    self.intervals = intervals
    self.resamples = resamples
    failedResamples = max(0, resamples - (law.uncertainty?.resamples.count ?? 0))
    stop = fit.stop.rawValue
    rows = fit.rows.count
    droppedLines = dropped.sorted()
    residualStandardDeviation = law.uncertainty?.residualStandardDeviation
    degreesOfFreedom = law.uncertainty?.degreesOfFreedom ?? 0
    quality = fit.quality
    let optimum = try? LawOptimum(law)
    x = optimum?.x
    xInterval95 = optimum?.xInterval95
    r = optimum?.r
    rInterval95 = optimum?.rInterval95
    self.validation = validation
  }

  /// The same for people.
  public var table: String {
    var parameters = Table([
      ("parameter", .left), ("value", .right), ("standard error", .right), ("95%", .left),
    ])
    for parameter in self.parameters {
      parameters.add([
        parameter.name, Quantity.number(parameter.value, digits: 6),
        parameter.standardError.map { Quantity.number($0, digits: 3) } ?? "held (gauge)",
        parameter.interval95.map(LawText.interval) ?? "",
      ])
    }
    var lines = [
      formula, "", parameters.rendered(), "",
      "\(rows) rows, stopped: \(stop), intervals from \(intervals)"
        + (resamples > 0 ? " (\(resamples) resamples, \(failedResamples) failed)" : ""),
      "MSE \(Quantity.number(quality.meanSquaredError)), "
        + "Spearman \(LawText.optional(quality.spearman)), R² \(LawText.optional(quality.rSquared, 6))",
    ]
    if !poorlyDetermined.isEmpty {
      lines.append("poorly determined by these rows: " + poorlyDetermined.joined(separator: ", "))
    }
    if !droppedLines.isEmpty {
      lines.append(
        "left out by rule: rows " + droppedLines.map(String.init).joined(separator: ", "))
    }
    if let x, let r {
      lines.append(
        "optimum: x* \(Quantity.number(x)) \(xInterval95.map(LawText.interval) ?? ""), "
          + "r* \(Quantity.number(r)) \(rInterval95.map(LawText.interval) ?? "")")
    }
    if let validation { lines += ["", LawText.table(validation)] }
    return lines.joined(separator: "\n")
  }
}
