import Architectures
import Foundation
import TestSupport
import Testing

@Suite struct HuggingFaceConfigTests {
  static let base: [String: JSONValue] = [
    "model_type": .string("llama"), "hidden_size": .integer(64),
    "intermediate_size": .integer(128), "num_hidden_layers": .integer(2),
    "num_attention_heads": .integer(4), "num_key_value_heads": .integer(2),
    "vocab_size": .integer(100), "rms_norm_eps": .number(1e-5), "rope_theta": .number(10000),
  ]
  static let llama3: [String: JSONValue] = [
    "rope_type": .string("llama3"), "factor": .number(8), "low_freq_factor": .number(1),
    "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(8192),
  ]

  private func read(_ changes: [String: JSONValue?]) throws -> Architecture {
    var fields = Self.base
    for (field, value) in changes { fields[field] = value }
    return try Architecture(name: "test", config: JSONObject(fields))
  }

  @Test func defaultsOfTheFamilies() throws {
    #expect(try read([:]).headDimension == 16)
    #expect(try read(["num_key_value_heads": nil as JSONValue?]).keyValueHeads == 4)
    #expect(try read(["model_type": .string("qwen2")]).qkvBias)
    let qwen3 = try read(["model_type": .string("qwen3")])
    #expect(qwen3.qkNorm && qwen3.headDimension == 128 && !qwen3.qkvBias)
    let biased = try read(["attention_bias": .bool(true)])
    #expect(biased.qkvBias && biased.outputBias)
  }

  @Test func slidingWindows() throws {
    let mistral: [String: JSONValue?] = ["model_type": .string("mistral")]
    #expect(try read(mistral).slidingWindow == 4096)
    #expect(
      try read(mistral.merging(["sliding_window": .null]) { $1 }).slidingWindow == nil)
    let qwen: [String: JSONValue?] = [
      "model_type": .string("qwen2"), "sliding_window": .integer(32),
      "max_window_layers": .integer(1),
    ]
    #expect(try read(qwen).slidingWindow == nil)
    let windowed = try read(qwen.merging(["use_sliding_window": .bool(true)]) { $1 })
    #expect(windowed.window(ofLayer: 0) == nil)
    #expect(windowed.window(ofLayer: 1) == 32)
  }

  @Test func rotaryWrittenEitherWay() throws {
    let older = try read(["rope_scaling": .object(Self.llama3)])
    var parameters = Self.llama3
    parameters["rope_theta"] = .number(10000)
    let newer = try read([
      "rope_theta": nil as JSONValue?, "rope_parameters": .object(parameters),
    ])
    #expect(older == newer)
    #expect(older.rotary.scaling?.factor == 8)
    let plain = try read([
      "rope_theta": nil as JSONValue?,
      "rope_parameters": .object(["rope_type": .string("default"), "rope_theta": .number(5e5)]),
    ])
    #expect(plain.rotary == RotaryEmbedding(theta: 5e5))
  }

  /// What the user gets to read: field, problem and expectation.
  @Test(
    arguments: [
      ("hidden_size", nil, ["hidden_size", "missing"]),
      ("hidden_size", .string("64"), ["hidden_size", "\"64\"", "integer"]),
      ("hidden_size", .number(64.5), ["hidden_size", "64.5", "integer"]),
      ("hidden_size", .integer(1 << 40), ["hidden_size", "1 to"]),
      ("num_hidden_layers", .integer(0), ["num_hidden_layers", "is 0"]),
      ("num_hidden_layers", .integer(-3), ["num_hidden_layers", "-3"]),
      ("num_key_value_heads", .integer(3), ["num_key_value_heads", "3 does not divide", "4"]),
      ("num_attention_heads", .integer(0), ["num_attention_heads", "0"]),
      ("num_attention_heads", .integer(5), ["num_attention_heads", "5 does not divide"]),
      ("head_dim", .integer(15), ["head_dim", "15", "even"]),
      ("model_type", .string("gpt2"), ["model_type", "gpt2", "llama"]),
      ("model_type", nil, ["model_type", "missing"]),
      ("hidden_act", .string("gelu"), ["hidden_act", "gelu", "silu"]),
      ("mlp_bias", .bool(true), ["mlp_bias"]),
      ("rms_norm_eps", .integer(0), ["rms_norm_eps"]),
      ("rms_norm_eps", .number(1e39), ["rms_norm_eps", "1e+39", "32-bit floats"]),
      ("rms_norm_eps", .number(1e-60), ["rms_norm_eps", "1e-60", "32-bit floats"]),
      ("rope_theta", .number(1e300), ["rope_theta", "1e+300", "32-bit floats"]),
      ("tie_word_embeddings", .integer(1), ["tie_word_embeddings", "true or false"]),
      ("vocab_size", .array([]), ["vocab_size", "an array"]),
      (
        "rope_scaling", .object(["rope_type": .string("yarn")]),
        ["rope_scaling", "rope_type", "yarn", "llama3"]
      ),
      (
        "rope_scaling", .object(["type": .string("linear"), "factor": .number(2)]),
        ["rope_scaling", "linear"]
      ),
      (
        "rope_scaling", .object(["rope_type": .string("llama3")]),
        ["rope_scaling", "factor", "missing"]
      ),
      ("rope_scaling", .string("llama3"), ["rope_scaling", "object"]),
      (
        "rope_parameters",
        .object(["rope_theta": .number(1e4), "partial_rotary_factor": .number(0.5)]),
        ["rope_parameters", "partial_rotary_factor", "0.5"]
      ),
      ("quantization_config", .object([:]), ["quantization_config"]),
    ] as [(String, JSONValue?, [String])])
  func badFields(field: String, value: JSONValue?, wanted: [String]) throws {
    let error = #expect(throws: InputError.self) { try read([field: value]) }
    let text = try #require(error).description
    for part in wanted { #expect(text.contains(part), "\(text)") }
    #expect(!text.contains("\n"))
  }

  @Test func filesAreNamed() throws {
    try Files.withTemporaryFolder { folder in
      let missing = #expect(throws: InputError.self) { try Architecture(configAt: folder) }
      #expect(missing?.description.contains("config.json: does not exist") == true)
      let file = folder.appendingPathComponent("config.json")
      for text in ["", "[1, 2]", "{\"hidden_size\": ", "nonsense \u{1b}[31m", "{\"a\": 1e999}"] {
        try Data(text.utf8).write(to: file)
        let error = #expect(throws: InputError.self) { try Architecture(configAt: folder) }
        #expect(error?.description.contains(file.path) == true)
      }
    }
  }

  @Test func messagesStayOnOneLineWithoutTerminalCodes() {
    let error = InputError("a\nb", problem: "\u{1b}[31m", expected: "c\rd")
    #expect(!error.description.unicodeScalars.contains { $0.value < 32 })
  }
}
