import CostModel
import Foundation
import Model
import Numerics
import Records
import Reports

/// Predictions a second on all cores, over what a search prices: decoders of 1B non-embedding
/// parameters, each at several lengths and batches.
struct SpeedStudy {
  private let profile: DeviceProfile
  private let space: [Architecture]

  init() throws {
    profile = try DeviceZoo.resolve("a100-40gb")
    space = try Self.designSpace()
  }

  func run() throws {
    var table = Table([
      ("workloads", .left), ("batches", .left), ("order", .left), ("wait for memory", .right),
      ("point predictions a second", .right), ("with intervals", .right),
    ])
    let published = ([(4096, 1024)], [1, 2, 4, 8, 16, 32, 64, 128])
    let mixed = (
      [(128, 128), (2048, 256), (4096, 1024), (16384, 512)], [1, 4, 16, 64, 128, 256]
    )
    var generator = SeededGenerator(seed: 0)
    let shuffled = space.shuffled(using: &generator)
    // Neighbours in the space share shapes of GEMMs; in random order they do not.
    for ((lengths, batches), order, architectures) in [
      (published, "by sizes", space), (published, "random", shuffled), (mixed, "by sizes", space),
    ] {
      let workloads = lengths.flatMap { prompt, generate in
        batches.map { ServingWorkload(prompt: prompt, generate: generate, batch: $0) }
      }
      let points = measure(architectures, workloads, seconds: 3) { $0.point($1, $2) != nil }
      let full = measure(architectures, workloads, seconds: 3) {
        (try? $0.predict($1, $2)) != nil
      }
      table.add([
        lengths.map { "\($0.0)x\($0.1)" }.joined(separator: ", "),
        batches.map(String.init).joined(separator: ", "), order,
        Quantity.percent(try waiting(shuffled.prefix(500), workloads)), Quantity.count(points),
        Quantity.count(full),
      ])
    }
    print(
      "\(space.count) decoders of 1B non-embedding parameters (12 to 28 layers, hidden size 1024 to "
        + "4096, 8 to 72 query heads, 1, 2, 4, 8 or all of them to a KV head) on the A100 40 GB "
        + "under vLLM, prompts in chunks of 8192 tokens, on "
        + "\(ProcessInfo.processInfo.activeProcessorCount) cores:\n")
    print(table.rendered(.markdown) + "\n")
  }

  private static func designSpace() throws -> [Architecture] {
    let base = try Zoo.resolve("llama-3.2-1b")
    var space: [Architecture] = []
    for layers in stride(from: 12, through: 28, by: 4) {
      let perLayer = base.parameters.nonEmbedding / layers
      for hidden in stride(from: 1024, through: 4096, by: 128) {
        for heads in stride(from: 8, through: 72, by: 4) {
          for group in [1, 2, 4, 8, heads] where heads % group == 0 {
            var candidate = base
            candidate.layers.resize(to: layers)
            candidate.hiddenSize = hidden
            candidate.queryHeads = heads
            candidate.keyValueHeads = heads / group
            let attention = 2 * hidden * base.headDimension * (heads + candidate.keyValueHeads)
            candidate.intermediateSize = (perLayer - attention) / (3 * hidden) / 128 * 128
            if candidate.intermediateSize >= 512 { space.append(candidate) }
          }
        }
      }
    }
    return space
  }

  /// Predictions a second: each core with a predictor of its own, over its share of the grid, again
  /// and again. Attention's shapes are few and stay known; so do GEMMs' but for those that share a slot.
  private func measure(
    _ architectures: [Architecture], _ workloads: [ServingWorkload], seconds: Double,
    _ predict: @Sendable (Predictor, Architecture, ServingWorkload) -> Bool
  ) -> Double {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let rates = Parallel.map(cores) { core -> Double in
      let predictor = try! Predictor(profile, .vllm, Predictor.Settings())
      var count = 0
      let start = Date()
      while Date().timeIntervalSince(start) < seconds {
        for index in stride(from: core, to: architectures.count, by: cores) {
          let architecture = architectures[index]
          for workload in workloads where predict(predictor, architecture, workload) { count += 1 }
        }
      }
      return Double(count) / Date().timeIntervalSince(start)
    }
    return rates.reduce(0, +)
  }

  /// Share of predictions in which not all sequences run at once.
  private func waiting(
    _ architectures: some Sequence<Architecture>, _ workloads: [ServingWorkload]
  ) throws -> Double {
    let predictor = try Predictor(profile, .vllm, Predictor.Settings())
    let waits = architectures.flatMap { architecture in
      workloads.compactMap { workload in
        (try? predictor.predict(architecture, workload)).map {
          $0.widest < workload.batch || $0.preemptions > 0
        }
      }
    }
    return Double(waits.count { $0 }) / Double(waits.count)
  }
}
