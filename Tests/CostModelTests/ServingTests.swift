import Architectures
import CostModel
import Records
import TestSupport
import Testing

@Suite struct ServingTests {
  private func predictor(
    _ engine: ServingEngine, capacity: Double = 80 * 0x1p30, tensorParallel: Int = 1
  ) throws -> Predictor {
    var profile = Devices.profile()
    profile.limits.memoryCapacity = capacity
    return try Predictor(
      profile, engine, Predictor.Settings(tensorParallel: tensorParallel))
  }

  private func zoo(_ name: String) throws -> Architecture {
    try Architecture(
      configAt: Files.root.appendingPathComponent("profiles/architectures/\(name).json"))
  }

  /// Token for token: the sum over every step equals the integral that predictions use.
  @Test(arguments: ["llama-3.2-1b", "mistral-7b"])
  func integrationAgreesWithEveryStep(name: String) throws {
    let architecture = try zoo(name)
    let predictor = try predictor(.vllm)
    for (batch, depth) in [(1, 0), (16, 3000), (64, 100)] {
      let whole = try #require(
        predictor.point(
          architecture, ServingWorkload(prompt: 0, generate: 512, depth: depth, batch: batch)))
      var sum = 0.0
      for step in 0..<512 {
        sum += try #require(
          predictor.point(
            architecture,
            ServingWorkload(prompt: 0, generate: 1, depth: depth + step, batch: batch))
        ).seconds
      }
      #expect(abs(whole.seconds / sum - 1) < 0.01, "batch \(batch) at depth \(depth)")
    }
  }

  @Test func quantitiesFitTogether() throws {
    let architecture = try zoo("llama-3.2-1b")
    let workload = ServingWorkload(prompt: 1000, generate: 200, batch: 8)
    let prediction = try predictor(.vllm).predict(architecture, workload, breakdown: true)
    let point = prediction.point
    #expect(abs(point.outputTokensPerSecond * point.seconds / 1600 - 1) < 1e-12)
    #expect(abs(point.totalTokensPerSecond / point.outputTokensPerSecond - 6) < 1e-12)
    #expect(
      abs(point.timeToFirstToken + 199 * point.timePerOutputToken - point.seconds)
        < 1e-9 * point.seconds)
    let operators = prediction.operators.reduce(0) { $0 + $1.cost.seconds }
    #expect(operators < point.seconds && operators > 0.5 * point.seconds)
    // Weights (tied embedding), and 1200 positions of 8 sequences.
    let weights = 2 * 1_235_814_400.0
    let cache = 8.0 * 1200 * 2 * 16 * 8 * 64 * 2
    #expect(prediction.peakMemoryBytes > weights + cache)
    #expect(prediction.peakMemoryBytes < weights + cache + 2 * 0x1p30)
    #expect(prediction.spreads.throughput > 0)
  }

  /// Where the cache does not hold the batch: TensorRT-LLM runs waves, vLLM recomputes.
  @Test func smallMemoryCostsTime() throws {
    let architecture = try zoo("llama-2-7b")
    let workload = ServingWorkload(prompt: 1024, generate: 1024, batch: 64)
    for engine in [ServingEngine.vllm, .vllm2024, .tensorRT2024] {
      let roomy = try predictor(engine).predict(architecture, workload)
      let tight = try predictor(engine, capacity: 24 * 0x1p30).predict(architecture, workload)
      #expect(roomy.widest == 64 || roomy.largestBatch < 64)
      #expect(tight.largestBatch < 10)
      #expect(tight.widest < 64)
      #expect(tight.point.seconds > 1.5 * roomy.point.seconds)
      #expect(tight.peakMemoryBytes <= 24 * 0x1p30)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let predictor = try predictor(.vllm, capacity: 8 * 0x1p30)
    #expect(throws: InputError.self) {
      try predictor.predict(zoo("llama-2-7b"), ServingWorkload(prompt: 10, generate: 10, batch: 1))
    }
  }

  @Test func tensorParallelSharesTheWork() throws {
    let architecture = try zoo("llama-3.1-8b")
    let workload = ServingWorkload(prompt: 2048, generate: 256, batch: 16)
    let one = try predictor(.vllm).predict(architecture, workload)
    let four = try predictor(.vllm, tensorParallel: 4).predict(architecture, workload)
    #expect(four.point.seconds < one.point.seconds)
    #expect(four.point.seconds > one.point.seconds / 4)
    #expect(four.plan.weights < 0.26 * one.plan.weights)
    var linkless = Devices.profile()
    linkless.limits.linkBandwidth = 0
    #expect(throws: InputError.self) {
      try Predictor(linkless, .vllm, Predictor.Settings(tensorParallel: 2))
    }
  }

  /// A prompt in chunks costs about what it costs whole, and attention over what is cached counts.
  @Test func chunksAddUp() throws {
    let architecture = try zoo("llama-3.2-1b")
    let predictor = try predictor(.vllm)
    func seconds(_ prompt: Int, depth: Int = 0, batch: Int = 1) throws -> Double {
      try #require(
        predictor.point(
          architecture,
          ServingWorkload(prompt: prompt, generate: 1, depth: depth, batch: batch))
      ).seconds
    }
    let parts = try seconds(8192) + seconds(8192, depth: 8192)
    #expect(abs(try seconds(16384) / parts - 1) < 0.01)
    #expect(try seconds(8192, depth: 8192) > seconds(8192))
    #expect(abs(try seconds(512, batch: 32) / (2 * seconds(512, batch: 16)) - 1) < 0.05)
  }
}
