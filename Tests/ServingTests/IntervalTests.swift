import CostModel
import Model
import Serving
import Testing

@Suite("Intervals under load")
struct ServingIntervalTests {
  private func intervals(
    _ model: String, _ settings: Predictor.Settings = .init(), device: String = "h100-sxm"
  ) throws -> ServingIntervals {
    let architecture = try Zoo.resolve(model)
    return ServingIntervals(
      try Predictor(DeviceZoo.resolve(device), .vllm, settings), for: [architecture])
  }

  /// Runs of dense models in bf16 and fp8 on up to 8 devices were compared, and nothing else.
  @Test("what no measured run was of is named, and makes them wider")
  func unchecked() throws {
    let dense = try intervals("llama-3.1-8b")
    #expect(dense.unchecked.isEmpty)
    let fp8 = try intervals("llama-3.1-8b", .init(weights: .fp8, tensorParallel: 8))
    #expect(fp8.unchecked.isEmpty && fp8.timePerOutputToken == dense.timePerOutputToken)
    let int4 = try intervals("llama-3.1-8b", .init(weights: .int4))
    #expect(int4.unchecked == [.storage(.int4)])
    #expect(int4.timePerOutputToken > dense.timePerOutputToken)
    #expect(int4.timeToFirstToken > dense.timeToFirstToken)
    let many = try intervals("llama-3.1-8b", .init(tensorParallel: 16))
    #expect(many.unchecked == [.devices(16)] && many.throughput > dense.throughput)
    let experts = try intervals("mixtral-8x7b")
    #expect(experts.unchecked == [.experts])
    #expect(experts.timePerOutputToken > 2 * dense.timePerOutputToken)
    // On another GPU the operators are less certain as well.
    let carried = try intervals("llama-3.1-8b", device: "h200-sxm")
    #expect(carried.unchecked.isEmpty && carried.throughput > dense.throughput)
  }
}
