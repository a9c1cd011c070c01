import CostModel
import Formats
import Model
import Testing

/// Predictions for weights of several formats, from those of each.
@Suite struct MixedWeightsTests {
  private let workload = ServingWorkload(prompt: 64, generate: 32, batch: 2)

  private func predictor(_ weights: DType) throws -> Predictor {
    try Predictor(Devices.profile(.cpu), .dyno, .init(weights: NumberStorage(weights), cache: .f16))
  }

  @Test func oneFormatIsItself() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    let alone = try predictor(.q8_0).predict(llama, workload)
    let mixed = try MixedWeights(predictor).predict(llama, workload, weights: .q8_0)
    #expect(mixed.point == alone.point && mixed.plan == alone.plan)
    #expect(mixed.largestBatch == alone.largestBatch)
  }

  /// A CPU's engine stores tables as it stores the other matrices, also in a format that GPUs have too.
  @Test func oneFormatIsOfAllMatrices() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    for dtype in [DType.bf16, .q4_k, .mxfp4] {
      let plan = try predictor(dtype).predict(llama, workload).plan
      let bytes = Double(try llama.weightBytes(WeightFormat(dtype)))
      #expect(abs(plan.weights / bytes - 1) < 1e-9, "\(dtype)")
    }
  }

  /// Of llama-3.2-1b in q4_k_m, by hand: 405,274,624 of 1,235,746,816 elements are in q6_k.
  @Test func mixesLieBetween() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    let format = try #require(WeightFormat(rawValue: "q4_k_m"))
    let mixed = try MixedWeights(predictor).predict(
      llama, workload, weights: format, breakdown: true)
    let low = try predictor(.q4_k).predict(llama, workload, breakdown: true)
    let high = try predictor(.q6_k).predict(llama, workload)
    let share = 405_274_624 / 1_235_746_816.0
    let seconds = low.point.seconds + share * (high.point.seconds - low.point.seconds)
    #expect(abs(mixed.point.seconds / seconds - 1) < 1e-9)
    #expect(mixed.point.seconds > low.point.seconds)
    #expect(abs(mixed.point.outputTokensPerSecond * mixed.point.seconds - 64) < 1e-6)
    #expect(abs(mixed.plan.weights - Double(try llama.weightBytes(format))) < 1)
    #expect(mixed.operators.map(\.kind) == low.operators.map(\.kind))
    let operators = mixed.operators.reduce(0) { $0 + $1.cost.seconds }
    #expect(operators > low.operators.reduce(0) { $0 + $1.cost.seconds })
  }
}
