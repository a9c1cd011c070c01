import Architectures
import CostModel
import Foundation
import Numerics
import Records

/// Held-out errors of the operator forms on a GPU's kernel tables.
struct OperatorStudy {
  let device: DeviceProfile
  let timings: FamilyTimings
  let seeds: Range<UInt64>

  init(_ folder: URL, device: DeviceProfile, seeds: Range<UInt64>) throws {
    var measurements = Measurements()
    for name in ["gemm", "context_attention", "generation_attention"] {
      try measurements.add(contentsOf: folder.appendingPathComponent(name + ".csv"))
    }
    self.device = device
    self.seeds = seeds
    timings = FamilyTimings(
      measurements.operators, activationBytes: device.limits.activationBytes)
  }

  func run() throws {
    try validate(MatrixMultiplication.self, timings.gemm) { min($0.n, $0.k) >= 1024 }
    try validate(PrefillAttention.self, timings.prefill)
    try validate(DecodeAttention.self, timings.decode)
  }

  private func validate<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], large: ((Form.Shape) -> Bool)? = nil
  ) throws {
    let context = try DeviceContext(device.limits, weights: .bf16, cache: .bf16, isWarm: true)
    let calibration = FamilyCalibration<Form>(context)
    let (kept, impossible) = rows.possible(form, context)
    print("\(Form.family): \(rows.count) rows, \(impossible.count) impossible")
    for seed in seeds {
      let start = Date()
      let held = Folds.random(kept.map(\.group), count: 2, seed: seed)[0]
      let training = kept.filter { !held.contains($0.group) }
      let test = kept.filter { held.contains($0.group) }
      let comparisons = calibration.validated(fit: training, predict: test)
      let summary = ErrorSummary(comparisons)
      let big = zip(test, comparisons).filter { large?($0.0.shape) ?? false }.map(\.1)
      print(seed, summary, big.isEmpty ? 0 : ErrorSummary(big).mean)
      complain("\(Form.family) seed \(seed): \(Date().timeIntervalSince(start)) s")
    }
    let fit = calibration.fit(kept)
    for (index, coefficient) in Form.coefficients.enumerated() {
      print(
        "  \(coefficient.name) \(fit.values[index]) ± \(fit.standardErrors[index])"
      )
    }
    print("  scale \(fit.scale), \(fit.stop)")
    print(ErrorSummary(calibration.compare(kept, fit.values)))
  }
}

func complain(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}
