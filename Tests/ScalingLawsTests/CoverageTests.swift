import Foundation
import Numerics
import ScalingLaws
import Testing

/// A short form of `dyno-law-study coverage`; the bounds are four standard errors of a binomial
/// share about 95%, which at 400 repeats also tells intervals that always hold the truth.
@Suite struct CoverageTests {
  private static let probe = TrainingPoint(
    parameters: 1e9, tokens: 1e11, normalizedHiddenSize: 0.066, mlpToAttentionRatio: 4,
    aspectRatio: 100, reference: 2.4)

  private func check(_ covered: [Bool], _ what: String) {
    let share = Double(covered.count { $0 }) / Double(covered.count)
    let bound = 4 * (0.95 * 0.05 / Double(covered.count)).squareRoot()
    #expect(abs(share - 0.95) < bound, "\(what): \(share)")
  }

  @Test(
    arguments: ["conditional-multiplicative", "conditional-additive", "chinchilla", "aspect-ratio"])
  func covarianceIntervalsCover(form: String) throws {
    let truth = Synthetic.law(form)
    let value = truth.loss(Self.probe)
    let results = Bootstrap.replicate(400, seed: 1) { generator -> [Bool]? in
      let table = Synthetic.table(truth, noise: 0.005, seed: generator.next())
      guard let fit = try? LawFit(truth.form, table, name: "fit", source: "test") else {
        return nil
      }
      let estimate = fit.law.estimate(at: Self.probe)
      let run = value + 0.005 * generator.normal()
      return [
        estimate.confidence95?.contains(value) ?? false,
        estimate.prediction95?.contains(run) ?? false,
      ] + Self.optimum(fit.law, truth)
    }.compactMap { $0 }
    #expect(results.count == 400)
    for index in results[0].indices { check(results.map { $0[index] }, "\(form), \(index)") }
  }

  @Test(arguments: Resampling.allCases)
  func bootstrapIntervalsCover(resampling: Resampling) throws {
    let truth = Synthetic.law("conditional-multiplicative")
    let value = truth.loss(Self.probe)
    let results = try (0..<60).map { index -> [Bool] in
      let table = Synthetic.table(truth, noise: 0.005, seed: UInt64(100 + index))
      let fit = try LawFit(truth.form, table, name: "fit", source: "test")
        .bootstrapped(resampling, count: 200, seed: UInt64(index))
      let inside = fit.law.estimate(at: Self.probe).confidence95?.contains(value) ?? false
      return [inside] + Self.optimum(fit.law, truth)
    }
    for index in results[0].indices { check(results.map { $0[index] }, "\(index)") }
  }

  private static func optimum(_ law: ScalingLaw, _ truth: ScalingLaw) -> [Bool] {
    guard let best = (try? truth.form.optimum(truth.parameters)) ?? nil else { return [] }
    let optimum = try? LawOptimum(law)
    return [
      optimum?.xInterval95?.contains(best.normalizedHiddenSize) ?? false,
      optimum?.rInterval95?.contains(best.mlpToAttentionRatio) ?? false,
    ]
  }
}
