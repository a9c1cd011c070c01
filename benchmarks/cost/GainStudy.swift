import CostModel
import Foundation
import Model
import Reports

/// The published gains of arXiv 2510.18245: Surefire over LLaMA-3.2 at 4096 in, 1024 out, and how
/// throughput moves with d, r and GQA at fixed N.
struct GainStudy {
  private let predictor: Predictor
  private static let batches = [1, 2, 4, 8, 16, 32, 64, 128]

  init() throws {
    predictor = try Predictor(DeviceZoo.resolve("a100-40gb"), .vllm, Predictor.Settings())
  }

  func run() throws {
    var table = Table(
      [("against LLaMA-3.2", .left)] + Self.batches.map { ("batch \($0)", .right) })
    for (candidate, baseline) in [
      ("surefire-1b", "llama-3.2-1b"), ("panda-1b", "llama-3.2-1b"),
      ("surefire-3b", "llama-3.2-3b"), ("panda-3b", "llama-3.2-3b"),
    ] {
      try row(&table, "\(candidate) / \(baseline)", Zoo.resolve(candidate), Zoo.resolve(baseline))
    }
    print(table.rendered(.markdown) + "\n")
    var moves = Table(
      [("over llama-3.2-1b (\(Self.shape(try Zoo.resolve("llama-3.2-1b"))))", .left)]
        + Self.batches.map { ("batch \($0)", .right) })
    let base = try Zoo.resolve("llama-3.2-1b")
    // One of d, r and GQA moves; whole heads leave the others nearly where they were.
    for (hidden, heads, groups) in [(2560, 24, 6), (2048, 24, 6), (2048, 36, 4)] {
      var changed = base
      changed.hiddenSize = hidden
      changed.queryHeads = heads
      changed.keyValueHeads = groups
      let attention = hidden * base.headDimension * 2 * (heads + groups)
      let perLayer = base.parameters.nonEmbedding / base.layers.count
      changed.intermediateSize = (perLayer - attention) / (3 * hidden) / 64 * 64
      try row(&moves, Self.shape(changed), changed, base)
    }
    print(moves.rendered(.markdown) + "\n")
    try bytes()
  }

  private static func shape(_ architecture: Architecture) -> String {
    "d \(architecture.hiddenSize), r \(Quantity.number(architecture.mlpToAttentionRatio, digits: 2)), "
      + "GQA \(architecture.queryHeadsPerKeyValueHead)"
  }

  private func row(
    _ table: inout Table, _ name: String, _ candidate: Architecture, _ baseline: Architecture
  ) throws {
    table.add(
      [name]
        + (try Self.batches.map { batch in
          let workload = ServingWorkload(prompt: 4096, generate: 1024, batch: batch)
          let gain =
            try predictor.predict(candidate, workload).point.outputTokensPerSecond
            / predictor.predict(baseline, workload).point.outputTokensPerSecond
          return Quantity.number(gain)
        }))
  }

  /// Which bytes decide at batch 1.
  private func bytes() throws {
    var table = Table([
      ("batch 1, one decode step at 4608", .left), ("weights, MiB", .right), ("head, MiB", .right),
      ("KV read, MiB", .right),
    ])
    for name in ["llama-3.2-1b", "surefire-1b", "llama-3.2-3b", "surefire-3b"] {
      let architecture = try Zoo.resolve(name)
      let counts = architecture.parameters
      table.add([
        name, Quantity.number(2 * Double(counts.nonEmbedding) / 0x1p20),
        Quantity.number(2 * Double(counts.embedding) / 0x1p20),
        Quantity.number(4608 * architecture.cacheBytesPerToken(.bf16) / 0x1p20),
      ])
    }
    print(table.rendered(.markdown) + "\n")
  }
}
