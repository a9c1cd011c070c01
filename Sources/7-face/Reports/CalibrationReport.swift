import CostModel
import Foundation

/// What a calibration found: the ladder of rungs with their errors, and what was left out.
public struct CalibrationReport {
  private let result: DeviceCalibration.Result
  private let rejected: [String]

  /// - Parameter rejected: rows that could not be read, each with its reason.
  public init(_ result: DeviceCalibration.Result, rejected: [String]) {
    self.result = result
    self.rejected = rejected
  }

  public func table(_ style: Table.Style = .plain) -> String {
    var table = Table([
      ("family", .left), ("variant", .left), ("rung", .left), ("fitted rows", .right),
      ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right), ("coverage", .right),
    ])
    for step in result.ladder {
      table.add([
        step.family, step.variant, step.rung.rawValue, "\(step.rows)", "\(step.error.rows)",
        Quantity.percent(step.error.median), Quantity.percent(step.error.mean),
        Quantity.percent(step.error.percentile90),
        step.error.coverage.map(Quantity.percent) ?? "–",
      ])
    }
    let gains = result.gains.map { gain in
      "\(gain.family) \(gain.variant): "
        + gain.errors.map { "\($0.rows) rows \(Quantity.percent($0.mean))" }
        .joined(separator: ", ")
    }
    return table.rendered(style) + "\n\n"
      + (gains.isEmpty
        ? ""
        : "Mean error on a fifth that was not fitted, by how many rows were: "
          + gains.joined(separator: "; ") + ".\n\n")
        + """
        Errors are |predicted / measured - 1| of rows that the fit has not seen; coverage is the share \
        inside 90% intervals.
        """
  }

  public func json() throws -> String {
    try JSONText.encode(
      Document(
        device: result.profile.name,
        ladder: result.ladder.map {
          Document.Step(
            family: $0.family, variant: $0.variant, rung: $0.rung.rawValue, fittedRows: $0.rows,
            rows: $0.error.rows, median: $0.error.median, mean: $0.error.mean,
            percentile90: $0.error.percentile90, coverage90: $0.error.coverage)
        },
        learningCurves: result.gains.map { gain in
          Document.Curve(
            family: gain.family, variant: gain.variant,
            points: gain.errors.map { .init(fittedRows: $0.rows, mean: $0.mean) })
        }, rejected: rejected, impossible: result.impossible, setAside: result.setAside,
        warnings: result.warnings))
  }

  private struct Document: Encodable {
    struct Step: Encodable {
      let family: String
      let variant: String
      let rung: String
      let fittedRows: Int
      let rows: Int
      let median: Double
      let mean: Double
      let percentile90: Double
      let coverage90: Double?
    }

    struct Curve: Encodable {
      struct Point: Encodable {
        let fittedRows: Int
        let mean: Double
      }

      let family: String
      let variant: String
      let points: [Point]
    }

    let device: String
    let ladder: [Step]
    /// Mean errors on rows that were not fitted, by how many were.
    let learningCurves: [Curve]
    let rejected: [String]
    let impossible: [String]
    let setAside: [String]
    let warnings: [String]
  }
}
