import CostModel
import Foundation
import Model
import TestSupport
import Testing

/// The bars on other people's measurements: `$DYNO_DATA`, else `../shared/data`.
@Suite(.enabled(if: PublishedData.isPresent, PublishedData.absence))
struct PublishedDataTests {
  private static let tables = "gpu-ops/a100-sxm-80gb-vllm-0.14.0/"

  private func heldOut<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], seed: UInt64 = 11
  ) throws -> (comparisons: [Comparison], shapes: [Form.Shape]) {
    let context = try DeviceContext(
      try ProfileTests.shipped("a100-80gb").limits, weights: .bf16, cache: .bf16, isWarm: true)
    let calibration = FamilyCalibration<Form>(context)
    let (kept, impossible) = rows.possible(form, context)
    #expect(impossible.isEmpty)
    let held = Folds.random(kept.map(\.group), count: 2, seed: seed)[0]
    let fit = calibration.fit(kept.filter { !held.contains($0.group) })
    #expect(fit.stop.succeeded)
    let test = kept.filter { held.contains($0.group) }
    return (calibration.compare(test, fit.values), test.map(\.shape))
  }

  @Test func gemm() throws {
    let rows = try PublishedData.timings(Self.tables + "gemm.csv").gemm
    #expect(rows.count == 9240)
    let (comparisons, shapes) = try heldOut(MatrixMultiplication.self, rows)
    let all = ErrorSummary(comparisons)
    #expect(all.median <= 0.055 && all.mean <= 0.08 && all.percentile90 <= 0.16)
    let large = zip(shapes, comparisons).filter { min($0.0.n, $0.0.k) >= 1024 }.map(\.1)
    #expect(ErrorSummary(large).mean <= 0.065)
  }

  @Test func attention() throws {
    var timings = try PublishedData.timings(Self.tables + "context_attention.csv")
    let decode = try PublishedData.timings(Self.tables + "generation_attention.csv").decode
    timings.decode += decode
    #expect(
      ErrorSummary(try heldOut(PrefillAttention.self, timings.prefill).comparisons).mean <= 0.045)
    let error = ErrorSummary(try heldOut(DecodeAttention.self, timings.decode).comparisons)
    #expect(error.median <= 0.055 && error.mean <= 0.09)
  }

  @Test(arguments: [("a100-40gb", "A100", 0.055), ("h100-sxm", "H100", 0.08)])
  func wholeRuns(device: String, hardware: String, bar: Double) throws {
    var measurements = Measurements()
    try measurements.add(contentsOf: PublishedData.file("gpu-e2e/llm-inference-bench.csv"))
    #expect(measurements.rejected.isEmpty && measurements.runs.count == 241)
    for engine in [ServingEngine.vllm2024, .tensorRT2024] {
      let calibration = EndToEndCalibration(try ProfileTests.shipped(device), engine)
      let (rows, rejected) = try calibration.rows(
        measurements.runs.filter { $0.device.contains(hardware) && $0.engine == engine.name })
      #expect(rejected.isEmpty)
      func error(held: Set<String>, fitted: Set<String>) -> ErrorSummary {
        ErrorSummary(
          calibration.compare(
            rows.filter { held.contains($0.run.architecture.name) },
            calibration.fit(rows.filter { fitted.contains($0.run.architecture.name) })))
      }
      let twins: Set = ["llama-3-8b", "mistral-7b"]
      for held in twins {
        let one = error(
          held: [held], fitted: twins.symmetricDifference([held]).union(["llama-2-7b"]))
        #expect(one.mean <= bar, "\(engine.name), \(held) held out")
      }
      for (held, fitted) in [(twins, Set(["llama-2-7b"])), (Set(["llama-2-7b"]), twins)] {
        let family = error(held: held, fitted: fitted)
        #expect(family.mean <= 0.1 && family.percentile90 <= 0.2, "\(engine.name), \(held)")
      }
    }
  }
}

enum PublishedData {
  static let folder: URL =
    ProcessInfo.processInfo.environment["DYNO_DATA"].map { URL(fileURLWithPath: $0) }
    ?? Files.root.deletingLastPathComponent().appendingPathComponent("shared/data")

  static var isPresent: Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("gpu-ops").path)
  }

  static let absence: Comment = "needs the published data in ../shared/data or $DYNO_DATA"

  static func file(_ path: String) -> URL { folder.appendingPathComponent(path) }

  static func timings(_ path: String) throws -> FamilyTimings {
    var measurements = Measurements()
    try measurements.add(contentsOf: file(path))
    #expect(measurements.rejected.isEmpty)
    return FamilyTimings(measurements.operators, activationBytes: 2)
  }
}
