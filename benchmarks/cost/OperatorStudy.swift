import CostModel
import Formats
import Foundation
import Model
import Numerics
import Records
import Reports

/// Held-out errors of the operator forms on three GPUs' kernel tables: half of the shapes whole,
/// several seeds, intervals from folds inside the other half.
struct OperatorStudy {
  private let limits: DeviceLimits
  private let isBrief: Bool
  private static let seeds: Range<UInt64> = 0..<3
  private static let brief: Table = Table([
    ("device", .left), ("operator", .left), ("storage", .left), ("rows", .right),
    ("median", .right), ("mean", .right), ("p90", .right), ("coverage", .right),
  ])

  static func run(isBrief: Bool) throws {
    var table = Self.brief
    for (name, folder) in CostStudy.tables {
      let measurements = try CostStudy.measurements(
        folder, ["gemm", "context_attention", "generation_attention"])
      let study = OperatorStudy(
        limits: try DeviceZoo.resolve(name).limits, isBrief: isBrief || name != "a100-80gb")
      if !study.isBrief { print("### \(name)\n") }
      func formats(
        _ key: KeyPath<OperatorTiming, NumberStorage>, gemm: Bool
      ) -> [(NumberStorage, FamilyTimings)] {
        let rows = measurements.operators.filter {
          if case .gemm = $0.shape { gemm } else { !gemm }
        }
        return Dictionary(grouping: rows) { $0[keyPath: key] }
          .sorted { $0.key.rawValue < $1.key.rawValue }
          .map { ($0, FamilyTimings($1, activationBytes: 2)) }
      }
      func add(_ family: String, _ storage: NumberStorage, _ rows: Int, _ errors: [ErrorSummary]) {
        func mean(_ value: (ErrorSummary) -> Double) -> String {
          Quantity.percent(Moments.mean(errors.map(value)))
        }
        table.add([
          name, family, storage.rawValue, "\(rows)", mean(\.median), mean(\.mean),
          mean(\.percentile90), mean { $0.coverage! },
        ])
      }
      for (format, rows) in formats(\.weights, gemm: true) {
        let context = try study.context(weights: format, cache: .bf16)
        let errors =
          context.path.quantizesActivations
          ? try study.validate(
            QuantizedMatrixMultiplication.self, rows.gemm, context, { Double($0.m) })
          : try study.validate(
            MatrixMultiplication.self, rows.gemm, context, { Double($0.m) },
            large: { min($0.n, $0.k) >= 1024 })
        add("GEMM", format, rows.gemm.count, errors)
      }
      for (format, rows) in formats(\.cache, gemm: false) {
        let context = try study.context(weights: .bf16, cache: format)
        add(
          "prefill attention", format, rows.prefill.count,
          try study.validate(
            PrefillAttention.self, rows.prefill, context,
            { Double($0.tokens) / Double($0.sequences) }))
        add(
          "decode attention", format, rows.decode.count,
          try study.validate(
            DecodeAttention.self, rows.decode, context,
            { Double($0.positions) / Double($0.sequences) }))
      }
    }
    print("### All\n\n" + table.rendered(.markdown) + "\n")
  }

  private func context(
    weights: NumberStorage, cache: NumberStorage
  ) throws -> DeviceContext {
    try DeviceContext(limits, weights: weights, cache: cache, isWarm: true)
  }

  private func validate<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], _ context: DeviceContext,
    _ x: (Form.Shape) -> Double, large: ((Form.Shape) -> Bool)? = nil
  ) throws -> [ErrorSummary] {
    let calibration = FamilyCalibration<Form>(context)
    let (kept, impossible) = rows.possible(form, context)
    func print(_ text: String) { if !isBrief { Swift.print(text) } }
    print("#### \(Form.family)\n")
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
      if seed == 0, !isBrief {
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
    if isBrief { return summaries.map(\.0) }
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
    return summaries.map(\.0)
  }

  private func cells(_ name: String, _ summary: ErrorSummary, _ big: Double?) -> [String] {
    [
      name, Quantity.percent(summary.median), Quantity.percent(summary.mean),
      Quantity.percent(summary.percentile90), big.map(Quantity.percent) ?? "–",
      Quantity.percent(summary.coverage!),
    ]
  }
}
