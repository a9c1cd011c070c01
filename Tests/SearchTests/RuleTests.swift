import CostModel
import Input
import Model
import Search
import Testing

@Suite struct RuleTests {
  private let shape = Shape(
    layers: 16, hiddenSize: 2048, intermediateSize: 8192, queryHeads: 32, keyValueHeads: 8,
    headDimension: 64)

  @Test(arguments: [
    ("intermediate_size <= 4 * hidden_size", true),
    ("intermediate_size < 4 * hidden_size", false),
    ("hidden_size % 256 == 0 and num_attention_heads * head_dim == hidden_size", true),
    ("gqa > 4 or r >= 4.8", true),
    ("not (gqa == 4)", false),
    ("not gqa == 4 or (r < 5 and x > 0.06)", true),
    ("(hidden_size + 1) * 2 == 4098", true),
    ("((hidden_size)) > (((2047)))", true),
    ("-hidden_size < 1e3", true),
    ("2 + 3 * 4 == 14 and (2 + 3) * 4 == 20 and 2 - 3 - 4 == -5", true),
    ("hidden_size / 0 > 1", true),
    ("hidden_size % 0 == 0", false),
    ("hidden_size % 0 != 0", false),
    ("parameters > 973000000 and num_hidden_layers == 16", true),
  ])
  func holds(text: String, expected: Bool) throws {
    #expect(try RuleExpression(text).isMet(by: shape) == expected)
  }

  /// Beyond sizes, rules know what the template adds and what the scenarios take.
  @Test func rulesKnowTotalsAndMemory() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    let scenario = Scenario(
      profile: try DeviceZoo.resolve("a100-40gb"), engine: .vllm,
      settings: Predictor.Settings(),
      workload: ServingWorkload(prompt: 4096, generate: 1024, batch: 128))
    let context = RuleContext(template: llama, scenarios: [scenario])
    func holds(_ text: String, _ context: RuleContext?) throws -> Bool {
      try RuleExpression(text).isMet(by: Shape(llama), in: context)
    }
    // 1.236e9 with the tied embedding and the norms.
    #expect(try holds("total_parameters == 1235814400", context))
    // 2.3 GiB of weights, 128·5120 positions of 32 KiB, the reserve and what is in flight.
    #expect(try holds("memory_gib > 23.2 and memory_gib < 24.5", context))
    var less = context
    less.scenarios[0].workload.batch = 64
    #expect(try holds("memory_gib < 14.5", less))
    less.scenarios.append(scenario)
    #expect(try holds("memory_gib > 23.2", less))
    // Without a context no comparison holds.
    for rule in ["memory_gib > 0", "memory_gib <= 0", "total_parameters > 0"] {
      #expect(try !holds(rule, nil))
    }
  }

  @Test(arguments: [
    ("", "column 1", "the end"),
    ("hidden_size", "column 12", "a comparison"),
    ("hidden_siz > 1", "column 1", "hidden_size?"),
    ("hidden_size > ", "column 15", "a size"),
    ("hidden_size > 1 )", "column 17", "and, or"),
    ("(hidden_size > 1", "column 17", "a closing parenthesis"),
    ("((hidden_size > 1) * 3 > 2", "column", "found"),
    ("hidden_size = 3", "column 13", "no meaning"),
    ("hidden_size > 1.2.3", "column 15", "no number"),
    ("hidden_size > 1e999", "column 15", "no number"),
    ("1 < 2 < 3", "column 7", "and, or"),
    ("r > 1 && x > 1", "column 7", "no meaning"),
    ("été > 1", "column 1", "no meaning"),
    ("))))", "column 1", "found"),
  ])
  func badRulesNameTheirPlace(text: String, place: String, part: String) {
    let error = #expect(throws: InputError.self) { try RuleExpression(text) }
    #expect(error?.description.contains(place) == true, "\(String(describing: error))")
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
  }

  @Test func longAndDeepRulesAreRefused() {
    for text in [
      String(repeating: "(", count: 900), String(repeating: "not ", count: 200) + "r > 1",
      String(repeating: "-", count: 800) + "1 > r",
      String(repeating: "r > 1 and ", count: 200) + "r > 1",
      String(repeating: "(", count: 400) + "r" + String(repeating: ")", count: 400) + " > 1",
    ] {
      #expect(throws: InputError.self) { try RuleExpression(text) }
    }
  }

  /// Whatever is thrown at it, it answers.
  @Test func noiseNeverCrashes() {
    let words = [
      "(", ")", "not", "and", "or", "<=", ">", "==", "-", "*", "%", "7", "r", "gqa", "1e3", "=",
      "é",
    ]
    for seed in 0..<3000 {
      var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
      var parts: [String] = []
      for _ in 0..<(seed % 17) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        parts.append(words[Int(state >> 33) % words.count])
      }
      _ = try? RuleExpression(parts.joined(separator: " ")).isMet(by: shape)
    }
  }
}
