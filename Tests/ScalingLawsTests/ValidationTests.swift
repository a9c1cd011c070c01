import Foundation
import Input
import ScalingLaws
import Testing

@Suite struct ValidationTests {
  private func validation(
    _ form: String, _ method: ValidationMethod, references: ReferenceSource = .column
  ) throws -> Validation {
    let truth = Synthetic.law(form)
    return try Validation(
      truth.form, Synthetic.table(truth, noise: 0.005, seed: 4), references: references,
      method: method)
  }

  @Test func progressiveHoldsOutEachLargerSize() throws {
    let validation = try validation("conditional-multiplicative", .progressive)
    #expect(validation.folds.map(\.heldOut) == ["145M", "297M", "1B"])
    #expect(validation.folds.map(\.fittedRows) == [30, 60, 90])
    for fold in validation.folds {
      let quality = try #require(fold.quality)
      #expect(quality.meanSquaredError < 4 * 0.005 * 0.005)
      #expect(try quality.meanSquaredError < #require(fold.constantMeanSquaredError))
      #expect(try #require(quality.spearman) > 0.9)
    }
    #expect(validation.overall?.rows == 90)
    #expect(try #require(validation.overallIntervalCoverage) > 0.85)
  }

  @Test func leaveOneSizeOutAndKFoldUseEveryRowOnce() throws {
    let sizes = try validation("chinchilla", .leaveOneSizeOut)
    #expect(sizes.folds.map(\.heldOut) == ["80M", "145M", "297M", "1B"])
    #expect(sizes.folds.allSatisfy { $0.fittedRows == 90 })
    #expect(sizes.overall?.rows == 120)
    let folds = try validation("aspect-ratio", .kFold)
    #expect(folds.folds.count == 5 && folds.overall?.rows == 120)
    #expect(try #require(folds.overall).meanSquaredError < 2 * 0.005 * 0.005)
  }

  /// Chinchilla cannot be fitted to one size: the fold says so and the others go on.
  @Test func foldsThatCannotBeFittedSaySo() throws {
    let validation = try validation("chinchilla", .progressive)
    #expect(validation.folds[0].quality == nil)
    #expect(validation.folds[0].failure != nil)
    #expect(validation.folds[2].quality != nil)
    #expect(validation.overall?.rows == 30)
  }

  @Test func fittedReferenceIsRefittedWithoutTheHeldOutRows() throws {
    let validation = try validation(
      "conditional-additive", .leaveOneSizeOut, references: .fitted)
    #expect(try #require(validation.overall).meanSquaredError < 0.01)
    // The reference's own uncertainty is in the intervals.
    #expect(try #require(validation.overallIntervalCoverage) > 0.85)
  }

  /// A reference that does not say how well it is known leaves no interval: none is judged.
  @Test func withoutIntervalsNoneIsJudged() throws {
    let validation = try validation(
      "conditional-additive", .leaveOneSizeOut, references: .law(Synthetic.law("chinchilla")))
    #expect(validation.overall?.rows == 120)
    #expect(validation.overallIntervalCoverage == nil)
    #expect(validation.folds.allSatisfy { $0.quality != nil && $0.intervalCoverage == nil })
  }

  @Test(.enabled(if: SharedData.isPresent, SharedData.absence))
  func aspectRatioLawPredictsHeldOutSizes() throws {
    let validation = try Validation(
      AspectRatio.self, SharedData.table("morph-fit.csv"), references: .column,
      method: .leaveOneSizeOut)
    #expect(validation.folds.count == 5)
    let overall = try #require(validation.overall)
    #expect(overall.meanSquaredError < 1e-3)
    #expect(try #require(overall.spearman) > 0.99)
  }

  @Test func theFitsOwnIntervalsAreJudged() throws {
    let truth = Synthetic.law("conditional-multiplicative")
    let table = Synthetic.table(truth, noise: 0.005, seed: 4)
    func quality(_ resampling: Resampling?) throws -> Validation {
      try Validation(
        truth.form, table, references: .column, method: .kFold, resampling: resampling,
        resamples: 50)
    }
    let (covariance, cases) = (try quality(nil), try quality(.cases))
    #expect(covariance.overall?.meanSquaredError == cases.overall?.meanSquaredError)
    for validation in [covariance, cases] {
      #expect(abs(try #require(validation.overallIntervalCoverage) - 0.95) < 0.08)
    }
  }

  @Test func oneSizeCannotBeValidated() {
    var table = Synthetic.table(Synthetic.law("chinchilla"), noise: 0.005, seed: 4)
    table.rows = table.rows.filter { $0.point.parameters == 1e9 }
    #expect(throws: InputError.self) {
      try Validation(Chinchilla.self, table, references: .column, method: .progressive)
    }
  }
}
