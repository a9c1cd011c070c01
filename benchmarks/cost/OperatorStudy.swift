import CostModel
import Formats
import Foundation
import Model
import Numerics
import Records
import Reports

/// The operator forms on the A100's kernel tables in detail: held-out errors with half of the shapes
/// whole, several seeds, intervals from folds inside the other half; coefficients; residuals.
struct OperatorStudy {
  private static let seeds: Range<UInt64> = 0..<3

  func run() throws {
    let measurements = try CostStudy.measurements(
      CostStudy.a100Tables, ["gemm", "context_attention", "generation_attention"])
    let timings = FamilyTimings(measurements.operators, activationBytes: 2)
    let context = try DeviceContext(
      DeviceZoo.resolve("a100-80gb").limits, weights: .bf16, cache: .bf16, isWarm: true)
    try validate(
      MatrixMultiplication.self, timings.gemm, context, { Double($0.m) },
      large: { min($0.n, $0.k) >= 1024 })
    try validate(
      PrefillAttention.self, timings.prefill, context,
      { Double($0.tokens) / Double($0.sequences) })
    try validate(
      DecodeAttention.self, timings.decode, context,
      { Double($0.positions) / Double($0.sequences) })
  }

  private func validate<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], _ context: DeviceContext,
    _ x: (Form.Shape) -> Double, large: ((Form.Shape) -> Bool)? = nil
  ) throws {
    let calibration = FamilyCalibration<Form>(context)
    let (kept, impossible) = rows.possible(form, context)
    print("## \(Form.family)\n")
    print(
      "\(rows.count) rows, \(Set(rows.map(\.group)).count) groups, \(impossible.count) impossible, "
        + "\(Form.coefficients.count) coefficients.\n")
    var table = Table([
      ("seed", .left), ("median", .right), ("mean", .right), ("p90", .right),
      ("mean, n and k ≥ 1024", .right), ("coverage", .right),
    ])
    var summaries: [(ErrorSummary, Double?)] = []
    var covered: [String: (inside: Int, all: Int)] = [:]
    for seed in Self.seeds {
      let held = Folds.random(kept.map(\.group), count: 2, seed: seed)[0]
      let test = kept.filter { held.contains($0.group) }
      let comparisons = calibration.validated(
        fit: kept.filter { !held.contains($0.group) }, predict: test)
      let summary = ErrorSummary(comparisons)
      let big = zip(test, comparisons).filter { large?($0.0.shape) ?? false }.map(\.1)
      let bigMean = big.isEmpty ? nil : ErrorSummary(big).mean
      summaries.append((summary, bigMean))
      table.add(cells("\(seed)", summary, bigMean))
      for comparison in comparisons {
        let inside = comparison.isCovered! ? 1 : 0
        let known = covered[comparison.regime] ?? (0, 0)
        covered[comparison.regime] = (known.inside + inside, known.all + 1)
      }
      if seed == 0 {
        try Residuals.write(
          Form.family,
          zip(test, comparisons).map { (Form.regime($0.0.shape), x($0.0.shape), $0.1) })
      }
    }
    func mean(_ value: (ErrorSummary) -> Double) -> Double {
      Moments.mean(summaries.map { value($0.0) })
    }
    let bigs = summaries.compactMap(\.1)
    table.add([
      "mean", Quantity.percent(mean(\.median)), Quantity.percent(mean(\.mean)),
      Quantity.percent(mean(\.percentile90)),
      bigs.isEmpty ? "–" : Quantity.percent(Moments.mean(bigs)),
      Quantity.percent(mean { $0.coverage! }),
    ])
    print(table.rendered(.markdown))
    let nominal = ErrorSummary(calibration.compare(kept, calibration.prior.values))
    print(
      "\nNominal coefficients alone: median \(Quantity.percent(nominal.median)), mean "
        + "\(Quantity.percent(nominal.mean)). Coverage by regime, all seeds: "
        + covered.sorted { $0.key < $1.key }.map {
          "\($0.key) \(Quantity.percent(Double($0.value.inside) / Double($0.value.all)))"
        }.joined(separator: "; ") + ".\n")
    let fit = calibration.fit(kept)
    var values = Table([
      ("coefficient", .left), ("nominal", .right), ("fitted", .right), ("standard error", .right),
      ("meaning", .left),
    ])
    for (index, coefficient) in Form.coefficients.enumerated() {
      values.add([
        coefficient.name, Quantity.number(coefficient.nominal),
        Quantity.number(fit.values[index]), Quantity.percent(fit.standardErrors[index]),
        coefficient.meaning,
      ])
    }
    print(values.rendered(.markdown) + "\n")
    let worst = zip(kept, calibration.compare(kept, fit.values))
      .sorted { $0.1.logError > $1.1.logError }.prefix(5)
    print(
      "Furthest rows of the fit to all (robust weights keep them from mattering): "
        + worst.map {
          "\($0.0.shape) \(Quantity.seconds($0.0.seconds)) against "
            + Quantity.seconds($0.1.predicted)
        }.joined(separator: "; ") + ".\n")
  }

  private func cells(_ name: String, _ summary: ErrorSummary, _ big: Double?) -> [String] {
    [
      name, Quantity.percent(summary.median), Quantity.percent(summary.mean),
      Quantity.percent(summary.percentile90), big.map(Quantity.percent) ?? "–",
      Quantity.percent(summary.coverage!),
    ]
  }
}
