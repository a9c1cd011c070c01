import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// Layers that devices share, and stages of them.
extension WholeRunTests {
  /// Heads that do not divide are what engines refuse: no price is given.
  @Test(arguments: [
    (8, 18944, "28 query heads"), (3, 18944, "28 query heads"), (7, 18944, "size 18944"),
    (7, 28672, "4 KV heads"), (56, 18944, "28 query heads"),
  ])
  func headsThatDoNotDivideAreRefused(devices: Int, intermediate: Int, named: String) throws {
    // qwen2.5-7b.
    let architecture = Architecture(
      name: "qwen2.5-7b", hiddenSize: 3584, intermediateSize: intermediate, layers: 28,
      queryHeads: 28,
      keyValueHeads: 4, headDimension: 128, vocabularySize: 152_064)
    let predictor = try predictor(.vllm, tensorParallel: devices)
    let workload = ServingWorkload(prompt: 100, generate: 10, batch: 1)
    let error = #expect(throws: InputError.self) {
      try predictor.predict(architecture, workload)
    }
    #expect(error?.description.contains(named) == true, "\(String(describing: error))")
    #expect(error?.description.contains("expected 1, 2, 4") == true)
    #expect(predictor.point(architecture, workload) == nil)
    #expect(predictor.logThroughput(architecture, workload) == nil)
    #expect(predictor.peakMemoryBytes(architecture, workload) == nil)
    _ = try self.predictor(.vllm, tensorParallel: 4).predict(architecture, workload)
  }

  /// vLLM and SGLang refuse to cut a group of weights that share a scale; TensorRT-LLM does not.
  @Test func groupsOfWeightsAreNotCut() throws {
    // qwen2.5-72b: 29568 = 231 · 128.
    let dense = Architecture(
      name: "qwen2.5-72b", hiddenSize: 8192, intermediateSize: 29568, layers: 8, queryHeads: 64,
      keyValueHeads: 8, headDimension: 128, vocabularySize: 152_064)
    let experts = try zoo("qwen3-30b-a3b")
    let workload = ServingWorkload(prompt: 100, generate: 10, batch: 1)
    func refusal(
      _ architecture: Architecture, _ weights: NumberStorage, devices: Int, parts: Int = 1,
      _ engine: ServingEngine = .vllm
    ) throws -> String? {
      let predictor = try Predictor(
        ProfileTests.shipped("h100-sxm"), engine,
        Predictor.Settings(
          weights: weights, tensorParallel: devices, sharing: ExpertSharing(parts: parts)))
      do {
        _ = try predictor.predict(architecture, workload)
        #expect(predictor.point(architecture, workload) != nil)
        return nil
      } catch let error as InputError {
        #expect(predictor.point(architecture, workload) == nil)
        return error.description
      }
    }
    let cut = try #require(try refusal(dense, .int4, devices: 2))
    #expect(cut.contains("14784 columns of qwen2.5-72b cut a group of 128"), "\(cut)")
    #expect(cut.hasSuffix("expected 1"), "\(cut)")
    #expect(try refusal(dense, .int4, devices: 1) == nil)
    #expect(try refusal(dense, .bf16, devices: 2) == nil)
    #expect(try refusal(dense, .int4, devices: 2, .tensorRT) == nil)
    // Experts of 768 columns: 384 and 192 on two and four devices, whole ones where they are dealt.
    #expect(try refusal(experts, .fp8Block, devices: 2) == nil)
    let narrow = try #require(try refusal(experts, .fp8Block, devices: 4, .sglang))
    #expect(narrow.contains("192 columns"), "\(narrow)")
    #expect(try refusal(experts, .fp8Block, devices: 4, parts: 4) == nil)
    #expect(try refusal(experts, .fp8, devices: 4) == nil)
  }

  /// Two KV heads on four devices: each holds a whole one, with its projections and its cache.
  @Test func copiedHeadsTakeMemory() throws {
    let architecture = Architecture(
      name: "few", hiddenSize: 1024, intermediateSize: 4096, layers: 10, queryHeads: 16,
      keyValueHeads: 2, headDimension: 64, vocabularySize: 1000)
    let plan = try predictor(.vllm, tensorParallel: 4).predict(
      architecture, ServingWorkload(prompt: 100, generate: 10, batch: 1)
    ).plan
    // Queries and outputs of 4 heads, keys and values of one, a quarter of the MLP.
    let layer = 2 * 1024 * 64 * 4 + 2 * 1024 * 64 * 1 + 3 * 1024 * 1024
    let matrices = 10 * layer + 1000 * 1024 / 4
    let norms = 10 * 2 * 1024 + 1024
    #expect(plan.weights == Double(2 * matrices + 4 * norms))
    #expect(plan.cachePerPosition == Double(2 * 10 * 64 * 2))
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

  /// Stages hold parts of the layers and of the cache. Sequences that decode take turns, so a token
  /// takes as long as a smaller batch's on one device, and the throughput of many grows.
  @Test func stagesTakeTurns() throws {
    let architecture = try zoo("llama-3.1-8b")
    func predict(_ stages: Int, batch: Int = 32) throws -> Prediction {
      try Predictor(Devices.profile(), .vllm, Predictor.Settings(pipelineParallel: stages))
        .predict(architecture, ServingWorkload(prompt: 64, generate: 256, batch: batch))
    }
    let (one, four, quarter) = (try predict(1), try predict(4), try predict(1, batch: 8))
    #expect(four.plan.weights < 0.35 * one.plan.weights)
    #expect(four.plan.cachePerPosition == one.plan.cachePerPosition / 4)
    let ratio = four.point.timePerOutputToken / quarter.point.timePerOutputToken
    #expect(ratio > 1 && ratio < 1.1, "\(ratio)")
    #expect(throws: InputError.self) { try predict(33) }
    #expect(throws: InputError.self) { try predict(0) }
  }
}
