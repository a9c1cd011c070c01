import CostModel
import Foundation
import Model
import Search
import Testing

@Suite struct PredictedRatioTests {
  private let workload = ServingWorkload(prompt: 1024, generate: 256, batch: 16)

  private func predictor(_ device: String = "a100-40gb") throws -> Predictor {
    try Predictor(DeviceZoo.resolve(device), .vllm2024, Predictor.Settings())
  }

  @Test func anArchitectureIsAsFastAsItself() throws {
    let architecture = try Zoo.resolve("llama-3.1-8b")
    let ratio = try #require(
      try PredictedRatio(architecture, over: architecture, workload, predictor()))
    #expect(ratio.value == 1)
    #expect(abs(ratio.interval90[0] - 1) < 1e-6 && abs(ratio.interval90[1] - 1) < 1e-6)
  }

  /// It is the quotient of the two predictions, known better than either of them.
  @Test func sharedErrorsCancel() throws {
    let predictor = try predictor()
    let (one, other) = (try Zoo.resolve("qwen3-8b"), try Zoo.resolve("llama-3.1-8b"))
    let ratio = try #require(PredictedRatio(one, over: other, workload, predictor))
    let predictions = try [one, other].map { try predictor.predict($0, workload) }
    let quotient =
      predictions[0].point.outputTokensPerSecond / predictions[1].point.outputTokensPerSecond
    #expect(abs(ratio.value / quotient - 1) < 1e-9)
    let (low, high) = (ratio.interval90[0], ratio.interval90[1])
    #expect(low < ratio.value && ratio.value < high)
    #expect(abs(low * high / (ratio.value * ratio.value) - 1) < 1e-9)
    // Of two predictions whose errors had nothing in common.
    let apart = 1.645 * hypot(predictions[0].spreads.throughput, predictions[1].spreads.throughput)
    #expect(log(high / low) / 2 < 0.7 * apart)
    let inverse = try #require(PredictedRatio(other, over: one, workload, predictor))
    #expect(abs(inverse.value * ratio.value - 1) < 1e-9)
    #expect(abs(inverse.interval90[0] * high - 1) < 1e-9)
  }

  @Test func whatDoesNotFitHasNone() throws {
    let (small, large) = (try Zoo.resolve("llama-3.1-8b"), try Zoo.resolve("llama-3.1-70b"))
    #expect(PredictedRatio(large, over: small, workload, try predictor()) == nil)
    #expect(PredictedRatio(small, over: large, workload, try predictor()) == nil)
  }
}
