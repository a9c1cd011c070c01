import ArchitectureSearch
import Architectures
import CostModel
import Foundation
import TestSupport
import Testing

@Suite struct SpecTests {
  private let folder = Files.fixtures

  @Test func everyKeyIsRead() throws {
    let spec = try SearchSpec(
      """
      parameters: 400M
      baseline: llama-3.2-1b
      tokens: 100B
      law: conditional-80m-297m
      anchor: {architecture: llama-3.2-1b, tokens: 100B, loss: 2.803}
      target_loss: 2.85
      tolerance: 2%
      layers: [12, 16-18]
      head_dimension: [64, 128]
      hidden_multiple: 64
      intermediate_multiple: 32
      max_gqa: free
      tensor_parallel: 2
      rules: ["intermediate_size <= 4 * hidden_size"]
      scenarios:
        - {device: a100-40gb, workload: 4096x1024, batch: 64, weight: 2}
        - {device: h100-sxm, engine: vllm, decode_depth: 4096, batch: 8}
      dtype: bf16
      cache_dtype: f16
      combine: weighted
      front: [memory, ttft]
      front_slack: 0.1
      count: 3
      """, folder: folder)
    let problem = try spec.problem(device: DeviceZoo.resolve)
    #expect(problem.space.layers == [12, 16, 17, 18] && problem.space.headDimensions == [64, 128])
    #expect(problem.space.tolerance == 0.02 && problem.space.gqa == .unlimited)
    #expect(problem.space.hiddenMultiple == 64 && problem.space.intermediateMultiple == 32)
    #expect(problem.space.rules.count == 1 && problem.space.parameters == 4e8)
    #expect(problem.scenarios.map(\.weight) == [2, 1])
    #expect(
      problem.scenarios[1].workload.depth == 4096 && problem.scenarios[1].workload.prompt == 0)
    #expect(problem.combination == .weighted && problem.fronts == [.memory, .ttft])
    #expect(problem.count == 3 && problem.frontSlack == 0.1)
    #expect(abs(problem.targetLoss - 2.85) < 1e-12)
  }

  @Test func theCommandLineCountsMore() throws {
    let file = try SearchSpec(
      "parameters: 1B\nrules: gqa > 1\ntolerance: 2%\nscenarios: [{device: a100-40gb, workload: 8x8}]",
      folder: folder)
    var options = SearchSpec()
    options.parameters = "3B"
    options.rules = ["r > 1"]
    let merged = file.overridden(by: options)
    #expect(merged.parameters == "3B" && merged.tolerance == 0.02)
    #expect(merged.rules == ["gqa > 1", "r > 1"] && merged.scenarios.count == 1)
    options.devices = ["h100-sxm"]
    #expect(file.overridden(by: options).scenarios.isEmpty)
  }

  @Test(arguments: [
    ("", "empty"),
    ("paramters: 1B", "parameters?"),
    ("rules: [hidden_size]", "line 1"),
    ("tokens: 1B\nrules:\n  - gqa > 1\n  - hidden_siz > 1", "line 4"),
    ("layers: [20-12]", "layers"),
    ("layers: 0", "layers"),
    ("tolerance: 200%", "tolerance"),
    ("max_gqa: none", "max_gqa"),
    ("workload: 4096", "workload"),
    ("scenarios: [{device: a100-40gb}]", "workload or a decode_depth"),
    ("scenarios: [{workload: 8x8}]", "device"),
    ("device: a100-40gb\nscenarios: [{device: a100-40gb, workload: 8x8}]", "beside scenarios"),
    ("front: [speed]", "memory, ttft"),
    ("combine: best", "worst, weighted"),
    ("anchor: {loss: 2.8}", "architecture, tokens and loss"),
    ("anchor: {architecture: nosuch, tokens: 1B, loss: 2.8}", "nosuch"),
    ("a: [", "line"),
    ("count: 0", "count"),
  ])
  func badSpecificationsAreRefused(text: String, part: String) {
    let error = #expect(throws: InputError.self) { try SearchSpec(text, folder: folder) }
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
  }
}
