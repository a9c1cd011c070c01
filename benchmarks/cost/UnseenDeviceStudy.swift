import CostModel
import Formats
import Foundation
import Model
import Records
import Reports

/// How far kernels of a device are off that nothing was measured of: each one's tables predicted from
/// the other devices' calibrations and its own datasheet.
struct UnseenDeviceStudy {
  private static let cases: [(device: String, from: [String])] = [
    ("h100-sxm", ["a100-80gb"]), ("a100-80gb", ["h100-sxm"]),
    ("l40s", ["a100-80gb", "h100-sxm"]), ("l40s", ["a100-80gb"]),
    ("h100-sxm", ["a100-80gb", "l40s"]), ("a100-80gb", ["h100-sxm", "l40s"]),
  ]

  func run() throws {
    var table = Table([
      ("device", .left), ("from", .left), ("operator", .left), ("storage", .left),
      ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right),
      ("coverage", .right), ("nominal, mean", .right),
    ])
    for (name, from) in Self.cases {
      let folder = CostStudy.tables.first { $0.0 == name }!.1
      let rows = try CostStudy.measurements(
        folder, ["gemm", "context_attention", "generation_attention"])
      let limits = try DeviceZoo.resolve(name).limits
      let others = try from.map(DeviceZoo.resolve)
      func add<Form: CostForm>(
        _ form: Form.Type, _ title: String, weights: NumberStorage, cache: NumberStorage,
        variant: NumberStorage, _ timings: [Timing<Form.Shape>]
      ) throws {
        let context = try DeviceContext(limits, weights: weights, cache: cache, isWarm: true)
        // What was itself carried over says nothing by itself.
        let sources = others.compactMap { $0.related(Form.family, variant) }
          .filter { $0.rung >= .operators }
        guard !timings.isEmpty, !sources.isEmpty else { return }
        let kept = timings.possible(form, context).kept
        let nominal = FamilyCalibration<Form>(context)
        let carried = FamilyCalibration<Form>(
          context, prior: Prior(Form.coefficients, from: sources, sameKind: true))
        let own = sources.compactMap(\.error).map(\.spreads)
        let comparisons = carried.compareCarried(kept) { regime in
          own.compactMap { $0[regime] ?? $0["all"] }.max() ?? 0
        }
        let error = ErrorSummary(comparisons)
        table.add([
          name, from.joined(separator: ", "), title, variant.rawValue, "\(kept.count)",
          Quantity.percent(error.median), Quantity.percent(error.mean),
          Quantity.percent(error.percentile90), Quantity.percent(error.coverage!),
          Quantity.percent(
            ErrorSummary(nominal.compare(kept, nominal.prior.values)).mean),
        ])
      }
      for format in [NumberStorage.bf16, .fp8, .fp8Block] {
        let own = FamilyTimings(
          rows.operators.filter {
            guard case .gemm = $0.shape else { return false }
            return $0.weights == format
          }, activationBytes: 2)
        if format == .bf16 {
          try add(
            MatrixMultiplication.self, "GEMM", weights: format, cache: .bf16, variant: format,
            own.gemm)
        } else if limits.narrowPeakFLOPs[.fp8] != nil {
          try add(
            QuantizedMatrixMultiplication.self, "GEMM", weights: format, cache: .bf16,
            variant: format, own.gemm)
        }
        let attention = FamilyTimings(
          rows.operators.filter {
            guard case .attention = $0.shape else { return false }
            return $0.cache == format
          }, activationBytes: 2)
        try add(
          PrefillAttention.self, "prefill attention", weights: .bf16, cache: format,
          variant: format, attention.prefill)
        try add(
          DecodeAttention.self, "decode attention", weights: .bf16, cache: format,
          variant: format, attention.decode)
      }
    }
    print(table.rendered(.markdown) + "\n")
  }
}
