import CostModel
import Foundation
import Input
import Reports
import ScalingLaws
import Search
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
      scaling: chinchilla-hoffmann
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

  private func problem(
    _ parameters: String, baseline: String? = nil, _ change: (inout SearchSpec) -> Void = { _ in }
  ) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = parameters
    spec.baseline = baseline
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "3.2"
    spec.devices = ["a100-40gb"]
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  /// A gain over another size of model is none: the baseline is of the budget's size or asked for.
  @Test func baselinesAreOfTheBudgetsSize() throws {
    #expect(try problem("1B").baseline.name == "llama-3.2-1b")
    #expect(try problem("3B").baseline.name == "llama-3.2-3b")
    #expect(try problem("420M").baseline.name == "qwen3-0.6b")
    #expect(try problem("420M").isBaselineOfSize)
    let error = #expect(throws: InputError.self) { try problem("600M") }
    #expect(error?.location == ["baseline"] && error?.description.contains("qwen3-0.6b") == true)
    #expect(try problem("600M", baseline: "qwen3-0.6b").isBaselineOfSize == false)
    #expect(try problem("qwen3-0.6b").isBaselineOfSize)
  }

  @Test func gainsOverAnotherSizeAreNotStated() throws {
    let problem = try problem("420M", baseline: "llama-3.2-1b") {
      $0.hiddenMultiple = 512
      $0.rules = ["r > 1 and x > 0.04"]
    }
    let result = try ArchitectureSearch(problem).run { _ in }
    let report = SearchReport(result)
    #expect(report.table.contains("a gain over another size says nothing"))
    #expect(!report.table.contains("×"))
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    guard case .object(let first)? = try fields.array("candidates")?.first else {
      Issue.record("no candidate")
      return
    }
    #expect(first["gain"] == nil && first["probability_beats_baseline"] == nil)
    #expect(first["throughput"] != nil && first["total_parameters"] != nil)
    #expect(try fields.bool("baseline_of_another_size") == true)
  }

  private func page(_ report: SearchReport) throws -> String {
    try HTMLReport(
      ReportInput(json: [(source: "search.json", text: report.json())]), title: "T"
    ).text(charts: "")
  }

  /// Of a baseline of another size the law gives what its shape has at the budget's: not its loss.
  @Test func lossesOfAnotherSizeAreNotStated() throws {
    let problem = try problem("420M", baseline: "llama-3.2-1b") {
      $0.hiddenMultiple = 512
      $0.rules = ["r > 1 and x > 0.04"]
    }
    let result = try ArchitectureSearch(problem).run { _ in }
    #expect(!result.baseline.isOfSize && !result.baseline.meetsTarget)
    #expect(result.baseline.probabilityMeetsTarget == nil)
    #expect(result.candidates.allSatisfy { $0.isOfSize && $0.meetsTarget })
    let report = SearchReport(result)
    let row = try #require(
      report.table.split(separator: "\n").first { $0.hasPrefix("llama-3.2-1b ") })
    #expect(!row.contains(String(format: "%.4f", result.baseline.loss.value)))
    #expect(report.table.contains("losses are those at that size"))
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    let baseline = try #require(try fields.object("baseline"))
    for key in ["loss", "probability_meets_target", "meets_target"] {
      #expect(baseline[key] == nil, "\(key)")
    }
    guard case .object(let first)? = try fields.array("candidates")?.first else {
      Issue.record("no candidate")
      return
    }
    #expect(first["loss"] != nil && first["meets_target"] != nil)
    let text = try page(report)
    #expect(text.contains("front,d") && !text.contains("baseline,llama-3.2-1b"))
  }

  /// The target is what the law gives an architecture's shape at the budget's size.
  @Test func targetsOfAnotherSizeAreCalledShapes() throws {
    #expect(try problem("420M").targetName == "3.2")
    let own = try problem("420M") { $0.targetLoss = "qwen3-0.6b" }
    #expect(own.targetName == "qwen3-0.6b")
    let named = try problem("qwen3-0.6b") { $0.targetLoss = "llama-3.2-1b" }
    #expect(named.targetName == "shape of llama-3.2-1b at the size of qwen3-0.6b")
    var other = try problem("420M") {
      $0.targetLoss = "llama-3.2-1b"
      $0.hiddenMultiple = 512
    }
    #expect(other.targetName == "shape of llama-3.2-1b at 420M")
    // Whatever can be reached: what it is called is asked for.
    other.target = .loss(3.2)
    let report = SearchReport(try ArchitectureSearch(other).run { _ in })
    #expect(report.table.contains("(shape of llama-3.2-1b at 420M)"))
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    #expect(try fields.string("target_name") == "shape of llama-3.2-1b at 420M")
  }

  /// A model of 0.6 N has not the loss at N.
  @Test func tolerancesStayAtOneSize() throws {
    let error = #expect(throws: InputError.self) { try problem("420M") { $0.tolerance = 0.4 } }
    #expect(error?.location == ["tolerance"], "\(String(describing: error))")
    #expect(error?.description.contains("is 40%; expected above 0%, up to 10%") == true)
    let widest = try problem("420M") { $0.tolerance = 0.1 }
    #expect(widest.space.tolerance == 0.1)
  }

  @Test func ratiosAreNoLosses() throws {
    func ratio(_ target: String) throws -> SearchProblem {
      try problem("420M") {
        $0.scaling = "none"
        $0.targetLoss = target
        $0.hiddenMultiple = 512
      }
    }
    let error = #expect(throws: InputError.self) { try ratio("2.8") }
    #expect(error?.description.contains("a scaling law") == true)
    let result = try ArchitectureSearch(try ratio("qwen3-0.6b")).run { _ in }
    let fields = try JSONObject(parsing: Data(SearchReport(result).json().utf8))
    guard case .object(let first)? = try fields.array("candidates")?.first else {
      Issue.record("no candidate")
      return
    }
    #expect(first["loss"] == nil && first["ratio_to_reference"] != nil)
    #expect(fields["target_loss"] == nil)
    #expect(try fields.string("quantity") == "ratio_to_reference")
    #expect(SearchReport(result).table.contains("ratio to L_opt"))
    let text = try page(SearchReport(result))
    #expect(text.contains("baseline,qwen3-0.6b") && text.contains("predicted ratio to L_opt"))
  }

  @Test func absurdTokensAreRefused() {
    let error = #expect(throws: InputError.self) { try problem("1B") { $0.tokens = 100 } }
    #expect(error?.description.contains("such as 100B") == true)
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
    ("anchor: {architecture: llama-3.2-1b, tokens: 100, loss: 2.8}", "such as 100B"),
    ("anchor: {architecture: nosuch, tokens: 1B, loss: 2.8}", "nosuch"),
    ("a: [", "line"),
    ("count: 0", "count"),
  ])
  func badSpecificationsAreRefused(text: String, part: String) {
    let error = #expect(throws: InputError.self) { try SearchSpec(text, folder: folder) }
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
  }
}
