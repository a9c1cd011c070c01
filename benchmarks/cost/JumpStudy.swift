import CostModel
import Formats
import Foundation
import Model
import Numerics
import Records
import Reports

/// How far whole runs are off when something of them was never checked: the engine, the number of
/// devices, the kernels of the device, a storage of numbers. What `IntervalBasis` widens by comes from here.
struct JumpStudy {
  private let runs: [WholeRun]

  init() throws {
    var measurements = Measurements()
    for name in ["llm-inference-bench.csv", "llm-inference-bench-multi-gpu.csv"] {
      try measurements.add(contentsOf: CostStudy.data("gpu-e2e/" + name))
    }
    runs = measurements.runs
  }

  func run() throws {
    var table = Table([
      ("never checked", .left), ("GPU", .left), ("engine", .left), ("rows", .right),
      ("mean", .right), ("bias", .right), ("deviation", .right),
    ])
    var pooled: [String: [Comparison]] = [:]
    for (hardware, device, other) in [
      ("A100", "a100-40gb", "h100-sxm"), ("H100", "h100-sxm", "a100-80gb"),
    ] {
      let own = try DeviceZoo.resolve(device)
      let nominal = DeviceProfile(name: own.name, limits: own.limits, sources: own.sources)
      let carried = try DeviceCalibration(nominal, from: [DeviceZoo.resolve(other)])
        .run(Measurements()).profile
      for engine in [ServingEngine.vllm2024, .tensorRT2024] {
        func add(_ what: String, _ comparisons: [Comparison]) {
          guard !comparisons.isEmpty else { return }
          pooled[what, default: []] += comparisons
          table.add([what, hardware, engine.name] + cells(comparisons))
        }
        let mine = runs.filter { $0.device.contains(hardware) && $0.engine == engine.name }
        for (what, profile) in [
          ("engine", own), ("engine and kernels, which are carried over", carried),
          ("engine and kernels, which are nominal", nominal),
        ] {
          let calibration = EndToEndCalibration(profile, engine)
          let rows = try calibration.rows(mine.filter { $0.devices == 1 }).rows
          add(what, calibration.compare(rows, calibration.prior.values))
        }
        let calibration = EndToEndCalibration(own, engine)
        let rows = try calibration.rows(mine).rows
        let fits = Dictionary(grouping: rows, by: \.run.devices).keys.sorted().map { count in
          (count, calibration.fit(rows.filter { $0.run.devices != count }))
        }
        for (count, fit) in fits where count > 1 {
          add(
            "number of devices, others were",
            calibration.compare(rows.filter { $0.run.devices == count }, fit))
        }
        let single = calibration.fit(rows.filter { $0.run.devices == 1 })
        add(
          "several devices, one was",
          calibration.compare(rows.filter { $0.run.devices > 1 }, single))
      }
    }
    for (device, _) in CostStudy.tables {
      for storage in [NumberStorage.fp8, .fp8Block] {
        for (what, weights, cache) in [
          ("storage of weights, another was", storage, NumberStorage.bf16),
          ("storage of the cache, another was", .bf16, storage),
        ] {
          let comparisons = try withoutStorage(DeviceZoo.resolve(device), weights, cache)
          guard !comparisons.isEmpty else { continue }
          pooled[what, default: []] += comparisons
          table.add([what, device, "kernels, \(storage.rawValue)"] + cells(comparisons))
        }
      }
    }
    for (what, comparisons) in pooled.sorted(by: { $0.key < $1.key }) {
      table.add([what, "all", "all"] + cells(comparisons))
    }
    print(table.rendered(.markdown) + "\n")
  }

  /// Whole batches priced without what was measured of one storage, beside the same with it: no whole run
  /// of narrow weights is published, kernels are. Empty where the device's kernels were not measured so.
  private func withoutStorage(
    _ device: DeviceProfile, _ weights: NumberStorage, _ cache: NumberStorage
  ) throws -> [Comparison] {
    let narrow = weights == .bf16 ? cache : weights
    let families =
      weights == .bf16
      ? [PrefillAttention.family, DecodeAttention.family] : [QuantizedMatrixMultiplication.family]
    guard families.contains(where: { device.families[$0]?[narrow.rawValue] != nil }) else {
      return []
    }
    var blind = device
    for family in families { blind.families[family]?[narrow.rawValue] = nil }
    let settings = Predictor.Settings(weights: weights, cache: cache)
    let engine = ServingEngine.vllm2024
    let with = try Predictor(device, engine, settings)
    let without = try Predictor(blind, engine, settings)
    var comparisons: [Comparison] = []
    for name in ["llama-3.2-1b", "qwen3-0.6b", "llama-3.1-8b", "surefire-1b"] {
      let architecture = try Zoo.resolve(name)
      for (prompt, generate) in [(128, 128), (1024, 128), (1024, 1024), (8192, 128)] {
        for batch in [1, 4, 16, 64] {
          let workload = ServingWorkload(prompt: prompt, generate: generate, batch: batch)
          guard let measured = with.point(architecture, workload),
            let predicted = without.point(architecture, workload)
          else { continue }
          comparisons.append(
            Comparison(
              predicted: predicted.outputTokensPerSecond, measured: measured.outputTokensPerSecond,
              regime: architecture.name))
        }
      }
    }
    return comparisons
  }

  private func cells(_ comparisons: [Comparison]) -> [String] {
    let logs = comparisons.map { log($0.predicted / $0.measured) }
    // Of normal errors: a glitch in the data must not set the width.
    let deviation = 1.4826 * Quantiles.median(logs.map(abs))
    return [
      "\(comparisons.count)", Quantity.percent(ErrorSummary(comparisons).mean),
      Quantity.percent(exp(Moments.mean(logs)) - 1), Quantity.percent(deviation),
    ]
  }
}
