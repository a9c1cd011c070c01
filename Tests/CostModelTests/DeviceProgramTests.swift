import CostModel
import Input
import Model
import TestSupport
import Testing

/// What a predictor keeps of the architecture that it was asked for last.
@Suite struct DeviceProgramTests {
  private static let changes: [(String, @Sendable (inout Architecture) -> Void)] = [
    ("hidden size", { $0.hiddenSize += 128 }),
    ("vocabulary", { $0.vocabularySize += 1024 }),
    ("head of its own", { $0.tiedEmbeddings.toggle() }),
    ("bias of the head", { $0.headBias.toggle() }),
    ("learned positions", { $0.learnedPositions = 4096 }),
    ("bias of the final norm", { $0.finalNorm.hasBias.toggle() }),
    ("layers", { $0.layers.resize(to: 20) }),
    ("shared weights", { $0.layers = LayerStack(Array($0.layers), sharing: [1: 0, 3: 2]) }),
    ("intermediate size", { $0.intermediateSize += 128 }),
    ("KV heads", { $0.keyValueHeads *= 2 }),
    ("biases", { $0.layers.modifyKinds { $0.mlp?.inputBias.toggle() } }),
    ("window", { $0.slidingWindow = 512 }),
    ("chunk", { $0.layers.modifyKinds { $0.attention?.chunk = 256 } }),
    (
      "a layer without attention",
      { architecture in
        var layers = Array(architecture.layers)
        layers[3].attention = nil
        architecture.layers = LayerStack(layers)
      }
    ),
  ]

  /// It predicts as one that has seen no other architecture, time and memory, whatever differs.
  @Test(arguments: [1, 2])
  func predictorsForgetOtherArchitectures(devices: Int) throws {
    func predictor() throws -> Predictor {
      try Predictor(Devices.profile(.gpu), .vllm, .init(tensorParallel: devices))
    }
    let workload = ServingWorkload(prompt: 512, generate: 64, batch: 16)
    let base = try Zoo.resolve("llama-3.2-1b")
    let reused = try predictor()
    let first = try reused.predict(base, workload)
    for (name, change) in Self.changes {
      var other = base
      change(&other)
      let expected = try predictor().predict(other, workload)
      #expect(
        expected.plan != first.plan || expected.point != first.point,
        "\(name) makes no difference")
      for (architecture, fresh) in [(other, expected), (base, first)] {
        let again = try reused.predict(architecture, workload)
        #expect(again.plan == fresh.plan, "\(name)")
        #expect(again.point == fresh.point, "\(name)")
        #expect(again.spreads.throughput == fresh.spreads.throughput, "\(name)")
      }
    }
  }
}
