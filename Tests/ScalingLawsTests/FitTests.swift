import Foundation
import Numerics
import ScalingLaws
import Testing

@Suite struct FitTests {
  @Test func conditionalFitAgreesWithSciPy() throws {
    let fixture = try LawsFixture.load().conditional
    let rows = fixture.x.indices.map { index in
      TrainingTable.Row(
        line: index + 2,
        point: TrainingPoint(
          parameters: 1e9, normalizedHiddenSize: fixture.x[index],
          mlpToAttentionRatio: fixture.r[index], reference: fixture.reference[index]),
        loss: fixture.loss[index])
    }
    let fit = try LawFit(
      ConditionalMultiplicative.self, TrainingTable(name: "drawn", rows: rows), name: "fit",
      source: "test")
    #expect(fit.heldParameters == ["b0": 1])
    #expect(fit.law.parameters[3] == 1)
    let free = [0, 1, 2, 4, 5].map { fit.law.parameters[$0] }
    let covariance = try #require(fit.law.uncertainty?.covariance)
    for index in free.indices {
      #expect(abs(free[index] / fixture.parameters[index] - 1) < 1e-6)
      for other in free.indices {
        #expect(abs(covariance[index][other] / fixture.covariance[index][other] - 1) < 1e-4)
      }
    }
  }

  @Test(.enabled(if: SharedData.isPresent, SharedData.absence))
  func aspectRatioFitAgreesWithSciPy() throws {
    let expected = try LawsFixture.load().aspectRatio
    let table = try SharedData.table("morph-fit.csv")
    for starts in [[expected.start], nil] {
      let fit = try LawFit(
        AspectRatio.self, table, name: "fit", source: "test", starts: starts)
      for index in expected.parameters.indices {
        #expect(abs(fit.law.parameters[index] / expected.parameters[index] - 1) < 1e-4)
        #expect(abs(fit.standardErrors[index] / expected.standardErrors[index] - 1) < 1e-3)
      }
      #expect(abs(fit.quality.meanSquaredError / expected.meanSquaredError - 1) < 1e-4)
    }
    let shipped = try SharedData.shippedLaw("aspect-ratio-morph")
    for index in expected.parameters.indices {
      #expect(abs(shipped.parameters[index] / expected.parameters[index] - 1) < 1e-4)
    }
  }

  @Test(.enabled(if: SharedData.isPresent, SharedData.absence))
  func besirogluCoefficients() throws {
    let rule = OutlierRule.fewestTokensPerParameter(5)
    let (table, dropped) = try rule.applied(to: SharedData.table("chinchilla-epoch.csv"))
    #expect(dropped == [2, 3, 4, 5, 6])
    #expect(table.rows.count == 240)
    let fit = try LawFit(Chinchilla.self, table, name: "fit", source: "test")
    let published = [1.8172, 482.01, 2085.43, 0.3478, 0.3658]
    let tolerances = [0.003, 10, 100, 0.002, 0.002]
    for index in published.indices {
      #expect(abs(fit.law.parameters[index] - published[index]) < tolerances[index])
    }
    // Their standard errors are printed as 0.03, 124.58, 1293.23, 0.02 and 0.02.
    let resampled = try fit.bootstrapped(.cases, count: 400, seed: 1)
    let errors = [0.03, 124.58, 1293.23, 0.02, 0.02]
    for index in errors.indices {
      let ratio = resampled.standardErrors[index] / errors[index]
      #expect(ratio > 0.6 && ratio < 1.5, "\(Chinchilla.parameters[index].name): \(ratio)")
      #expect(resampled.intervals[index].contains(published[index]))
    }
    #expect(resampled.law.uncertainty?.resamples.count == 400)
  }

  @Test func noiselessTruthIsRecovered() throws {
    for form in [
      "conditional-multiplicative", "conditional-additive", "chinchilla", "aspect-ratio",
    ] {
      let truth = Synthetic.law(form)
      let table = Synthetic.table(truth, noise: 0, seed: 1)
      let fit = try LawFit(truth.form, table, name: "fit", source: "test")
      for index in truth.parameters.indices {
        #expect(
          abs(fit.law.parameters[index] / truth.parameters[index] - 1) < 1e-4,
          "\(form), \(truth.form.parameters[index].name)")
      }
    }
  }

  @Test func interactionIsFoundWhereThereIsOne() throws {
    for interaction in [0.0, 0.01] {
      let separable = Synthetic.law("conditional-multiplicative")
      let truth = ScalingLaw(
        name: "truth", form: ConditionalJoint.self,
        parameters: separable.parameters + [interaction], source: "test")
      let table = Synthetic.table(truth, noise: 0.005, seed: 3)
      let fit = try LawFit(ConditionalJoint.self, table, name: "fit", source: "test")
      let index = try #require(fit.freeParameters.firstIndex(of: "c"))
      #expect(fit.intervals[index].contains(interaction))
      #expect(fit.intervals[index].contains(0) == (interaction == 0))
    }
  }

  @Test func resamplesDependOnTheSeedOnly() throws {
    let truth = Synthetic.law("conditional-additive")
    let fit = try LawFit(
      truth.form, Synthetic.table(truth, noise: 0.005, seed: 2), name: "fit", source: "test")
    let one = try fit.bootstrapped(.residuals, count: 50, seed: 7).law.uncertainty?.resamples
    func again(_ seed: UInt64) throws -> [[Double]]? {
      try fit.bootstrapped(.residuals, count: 50, seed: seed).law.uncertainty?.resamples
    }
    #expect(try one == again(7))
    #expect(try one != again(8))
  }
}
