import Foundation
import Numerics
import ScalingLaws
import Testing

/// A short form of `dyno-law-study coverage`; the bounds are four standard errors of a binomial
/// share about 95% at 400 repeats, three at 200: either also tells intervals that always hold the
/// truth.
@Suite struct CoverageTests {
  private static let probe = TrainingPoint(
    parameters: 1e9, tokens: 1e11, normalizedHiddenSize: 0.066, mlpToAttentionRatio: 4,
    aspectRatio: 100, reference: 2.4)

  private func check(_ covered: [Bool], deviations: Double = 4, _ what: String) {
    #expect(isNominal(covered, deviations: deviations), "\(what): \(share(covered))")
  }

  private func share(_ covered: [Bool]) -> Double {
    Double(covered.count { $0 }) / Double(covered.count)
  }

  private func isNominal(_ covered: [Bool], deviations: Double) -> Bool {
    let error = (0.95 * 0.05 / Double(covered.count)).squareRoot()
    return abs(share(covered) - 0.95) < deviations * error
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
    var halved: [Bool] = []
    let results = try (0..<200).map { index -> [Bool] in
      let table = Synthetic.table(truth, noise: 0.005, seed: UInt64(100 + index))
      let fit = try LawFit(truth.form, table, name: "fit", source: "test")
        .bootstrapped(resampling, count: 120, seed: UInt64(index))
      let estimate = fit.law.estimate(at: Self.probe)
      let interval = try #require(estimate.confidence95)
      let middle = (interval.lowerBound + interval.upperBound) / 2
      halved.append(abs(value - middle) < (interval.upperBound - middle) / 2)
      return [interval.contains(value)] + Self.optimum(fit.law, truth)
    }
    for index in results[0].indices {
      check(results.map { $0[index] }, deviations: 3, "\(index)")
    }
    // The check can fail, either way: of half the width, and of intervals that hold everything.
    #expect(!isNominal(halved, deviations: 3))
    #expect(!isNominal(results.map { _ in true }, deviations: 3))
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
