import Architectures
import CostModel
import Foundation
import Numerics
import Records
import Reports

/// Predictions a second on all cores, over a search's kind of grid: architectures around 1B,
/// workloads with chunked prompts, batches that fit and batches that must wait.
struct SpeedStudy {
  private let profile: DeviceProfile

  init() throws { profile = try DeviceZoo.resolve("a100-40gb") }

  func run() throws {
    let architectures = try grid()
    let workloads = [(128, 128), (2048, 256), (4096, 1024), (16384, 512)].flatMap { lengths in
      [1, 4, 16, 64, 128, 256].map {
        ServingWorkload(prompt: lengths.0, generate: lengths.1, batch: $0)
      }
    }
    let points = try measure(architectures, workloads, seconds: 4) {
      predictor, architecture, load in
      predictor.point(architecture, load) != nil
    }
    let full = try measure(architectures, workloads, seconds: 4) { predictor, architecture, load in
      (try? predictor.predict(architecture, load)) != nil
    }
    print(
      "Over \(architectures.count) architectures and \(workloads.count) workloads (prompts of 128 to "
        + "16384 tokens in chunks of 8192, batches 1 to 256, some of which do not fit at once), on "
        + "\(ProcessInfo.processInfo.activeProcessorCount) cores: "
        + "\(Quantity.count(points)) point predictions a second, \(Quantity.count(full)) with "
        + "intervals.\n")
  }

  private func grid() throws -> [Architecture] {
    let base = try Zoo.resolve("llama-3.2-1b")
    let perLayer = base.parameters.nonEmbedding / base.layers
    var grid: [Architecture] = []
    for hidden in stride(from: 1024, through: 4096, by: 128) {
      for heads in stride(from: 8, through: 72, by: 4) {
        for groups in [1, 2, 4, 8] where heads % groups == 0 {
          let attention = 2 * hidden * base.headDimension * (heads + groups)
          let intermediate = (perLayer - attention) / (3 * hidden) / 128 * 128
          guard intermediate >= 512 else { continue }
          var candidate = base
          candidate.hiddenSize = hidden
          candidate.queryHeads = heads
          candidate.keyValueHeads = groups
          candidate.intermediateSize = intermediate
          grid.append(candidate)
        }
      }
    }
    return grid
  }

  /// Predictions a second: each core with a predictor of its own, over its share of the grid.
  private func measure(
    _ architectures: [Architecture], _ workloads: [ServingWorkload], seconds: Double,
    _ predict: @Sendable (Predictor, Architecture, ServingWorkload) -> Bool
  ) throws -> Double {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let rates = Parallel.map(cores) { core -> Double in
      let predictor = try! Predictor(profile, .vllm, Predictor.Settings())
      var count = 0
      let start = Date()
      while Date().timeIntervalSince(start) < seconds {
        for index in stride(from: core, to: architectures.count, by: cores) {
          for workload in workloads where predict(predictor, architectures[index], workload) {
            count += 1
          }
        }
      }
      return Double(count) / Date().timeIntervalSince(start)
    }
    return rates.reduce(0, +)
  }
}
