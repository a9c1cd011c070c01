import CostModel
import Foundation
import Numerics
import Testing

@Suite struct FitTests {
  /// Timings of a known GEMM model, with 3% scatter and some rows four times too slow.
  private func timings(
    _ count: Int, glitches: Double, seed: UInt64 = 1
  ) throws -> (rows: [Timing<MatrixShape>], truth: [Double]) {
    let truth = try FormTests.fixture().gemm.coefficients
    let form = MatrixMultiplication(try Devices.context(isWarm: true), truth)
    var random = SeededGenerator(seed: seed)
    let rows = (0..<count).map { index in
      let shape = MatrixShape(
        m: Int(exp2(Double.random(in: 0...13, using: &random))),
        n: 64 * Int.random(in: 1...512, using: &random),
        k: 64 * Int.random(in: 1...256, using: &random))
      // A sum of uniforms is close enough to normal.
      let noise = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0...1, using: &random) }
      let isGlitch = Double.random(in: 0...1, using: &random) < glitches
      return Timing(
        shape: shape,
        seconds: form.cost(shape).seconds * exp(0.03 * noise) * (isGlitch ? 4 : 1),
        group: "\(index)")
    }
    return (rows, truth)
  }

  private func calibration() throws -> FamilyCalibration<MatrixMultiplication> {
    FamilyCalibration(try Devices.context(isWarm: true))
  }

  @Test func recoversWhatMadeTheData() throws {
    let (rows, _) = try timings(800, glitches: 0)
    let fit = try calibration().fit(rows)
    #expect(fit.stop.succeeded)
    #expect(abs(fit.scale / 0.03 - 1) < 0.2)
    let (fresh, _) = try timings(300, glitches: 0, seed: 2)
    let error = ErrorSummary(try calibration().compare(fresh, fit.values))
    // What is left is the scatter of the data themselves, whose mean magnitude is 2.4%.
    #expect(error.mean < 0.028)
  }

  @Test func glitchesDoNotMoveIt() throws {
    let (clean, _) = try timings(600, glitches: 0)
    let (dirty, _) = try timings(600, glitches: 0.05)
    let (fresh, _) = try timings(300, glitches: 0, seed: 3)
    let undisturbed = ErrorSummary(
      try calibration().compare(fresh, try calibration().fit(clean).values))
    let robust = ErrorSummary(try calibration().compare(fresh, try calibration().fit(dirty).values))
    #expect(robust.mean < undisturbed.mean + 0.006)
  }

  @Test func fewRowsHelpAndClaimLittle() throws {
    let (fresh, _) = try timings(300, glitches: 0, seed: 4)
    let calibration = try calibration()
    let before = ErrorSummary(calibration.compare(fresh, calibration.prior.values)).mean
    var after: [Double] = []
    for seed in 10..<16 {
      let (rows, _) = try timings(10, glitches: 0, seed: UInt64(seed))
      let fit = calibration.fit(rows)
      after.append(ErrorSummary(calibration.compare(fresh, fit.values)).mean)
      // Ten rows cannot tell twelve coefficients, and the fit says so.
      #expect(!fit.unidentified.isEmpty)
      #expect(zip(fit.standardErrors, calibration.prior.spreads).allSatisfy { $0 <= $1 + 1e-12 })
    }
    #expect(Quantiles.median(after) < before)
  }

  @Test func noRowsLeaveThePrior() throws {
    let calibration = try calibration()
    let fit = calibration.fit([])
    #expect(zip(fit.values, calibration.prior.values).allSatisfy { abs($0 / $1 - 1) < 1e-9 })
    #expect(fit.unidentified.count == MatrixMultiplication.coefficients.count)
  }

  /// Intervals from folds hold what they promise on rows drawn alike.
  @Test func intervalsCover() throws {
    let (rows, _) = try timings(600, glitches: 0.02)
    let (fresh, _) = try timings(600, glitches: 0.02, seed: 5)
    let covered = try calibration().validated(fit: rows, predict: fresh)
    let coverage = try #require(ErrorSummary(covered).coverage)
    #expect((0.85...0.95).contains(coverage))
  }

  /// Of a regime that no fold saw nothing is known: the widest of those seen is the least to claim.
  @Test func unseenRegimesGetTheWidest() {
    let rows = (0..<400).map { index in
      Comparison(
        predicted: index < 40 ? 1.5 : 1.01, measured: 1, regime: index < 40 ? "rare" : "usual")
    }
    let spreads = Spreads(rows)
    #expect(spreads["rare"] > 2 * spreads["usual"])
    #expect(spreads["never seen"] == spreads["rare"])
    #expect(spreads["never seen"] == spreads.byRegime.values.max())
  }

  @Test func impossibleRowsAreNamed() throws {
    let context = try Devices.context(isWarm: true)
    var (rows, _) = try timings(50, glitches: 0)
    let shape = MatrixShape(m: 4096, n: 8192, k: 8192)
    rows.append(
      Timing(shape: shape, seconds: 0.5 * shape.flops / context.peak, group: "x", origin: "row 9"))
    let (kept, impossible) = rows.possible(MatrixMultiplication.self, context)
    #expect(impossible.map(\.origin) == ["row 9"])
    #expect(kept.count == 50)
  }
}
