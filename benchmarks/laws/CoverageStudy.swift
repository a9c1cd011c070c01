import Foundation
import Numerics
import Reports
import ScalingLaws

/// How often 95% intervals hold the truth, over repeated noise.
struct CoverageStudy {
  let truth: SyntheticTruth
  /// `nil`: intervals from the covariance.
  let resampling: Resampling?
  private let title: String

  init?(form: String, intervals: String) {
    guard let truth = SyntheticTruth(form: form) else { return nil }
    self.truth = truth
    resampling = Resampling(rawValue: intervals)
    guard resampling != nil || intervals == "covariance" else { return nil }
    title = "\(form), \(intervals)"
  }

  static let defaultRepeats = 500

  /// What one repeat finds of a quantity: whether the interval held it, and the estimate's error.
  private struct Finding: Sendable {
    let quantity: String
    let covered: Bool
    /// Estimate less truth, over the truth.
    let relativeError: Double
  }

  /// - Parameter seed: of the noise, the same whatever the intervals: they are compared on the same
  ///   data.
  func printed(repeats: Int, seed: UInt64) throws {
    let results: [[Finding]?]
    if resampling == nil {
      results = Bootstrap.replicate(repeats, seed: seed) { [truth] generator in
        Self.findings(truth, resampling: nil, &generator)
      }
    } else {
      // The refits of each repeat already use all cores.
      results = (0..<repeats).map { index in
        var generator = SeededGenerator(seed: seed, stream: index)
        return Self.findings(truth, resampling: resampling, &generator)
      }
    }
    let findings = results.compactMap { $0 }.flatMap { $0 }
    let failures = results.count { $0 == nil }
    print("\(title): \(repeats) repeats, \(truth.points.count) rows, \(failures) fits failed")
    var table = Table([
      ("quantity", .left), ("covered", .right), ("of", .right), ("mean error", .right),
      ("spread", .right),
    ])
    var seen: [String] = []
    for finding in findings where !seen.contains(finding.quantity) { seen.append(finding.quantity) }
    for quantity in seen {
      let own = findings.filter { $0.quantity == quantity }
      let errors = own.map(\.relativeError)
      table.add([
        quantity, Quantity.percent(Double(own.count { $0.covered }) / Double(own.count)),
        "\(own.count)", String(format: "%+.3f%%", 100 * Moments.mean(errors)),
        String(format: "%.3f%%", 100 * Moments.standardDeviation(errors)),
      ])
    }
    print(table.rendered() + "\n")
  }

  private static func findings(
    _ truth: SyntheticTruth, resampling: Resampling?, _ generator: inout SeededGenerator
  ) -> [Finding]? {
    let table = truth.table(&generator)
    guard var fit = try? LawFit(truth.law.form, table, name: "fit", source: "synthetic") else {
      return nil
    }
    if let resampling {
      guard let resampled = try? fit.bootstrapped(resampling, count: 200, seed: generator.next())
      else { return nil }
      fit = resampled
    }
    var findings: [Finding] = []
    for probe in truth.probes {
      let value = truth.law.loss(probe)
      let run = value + SyntheticTruth.noise * generator.normal()
      let estimate = fit.law.estimate(at: probe)
      let error = estimate.value / value - 1
      findings.append(
        Finding(
          quantity: "law's value", covered: estimate.confidence95?.contains(value) ?? false,
          relativeError: error))
      findings.append(
        Finding(
          quantity: "a new run", covered: estimate.prediction95?.contains(run) ?? false,
          relativeError: error))
    }
    if let best = (try? truth.law.form.optimum(truth.law.parameters)) ?? nil {
      guard let optimum = try? LawOptimum(fit.law) else { return nil }
      let (x, r) = (best.normalizedHiddenSize, best.mlpToAttentionRatio)
      findings.append(
        Finding(
          quantity: "x*", covered: optimum.xInterval95?.contains(x) ?? false,
          relativeError: optimum.x / x - 1))
      findings.append(
        Finding(
          quantity: "r*", covered: optimum.rInterval95?.contains(r) ?? false,
          relativeError: optimum.r / r - 1))
    }
    for (index, name) in fit.freeParameters.enumerated() {
      let position = truth.law.form.parameters.firstIndex { $0.name == name }!
      let value = truth.law.parameters[position]
      findings.append(
        Finding(
          quantity: name, covered: fit.intervals[index].contains(value),
          relativeError: fit.law.parameters[position] / value - 1))
    }
    return findings
  }
}
