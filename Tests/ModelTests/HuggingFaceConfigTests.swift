import Foundation
import Input
import Model
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
    let qwen2 = try #require(try read(["model_type": .string("qwen2")]).firstAttention)
    #expect(qwen2.inputBias && !qwen2.outputBias)
    let qwen3 = try #require(try read(["model_type": .string("qwen3")]).firstAttention)
    #expect(qwen3.queryKeyNorm?.extent == .head && qwen3.headDimension == 128 && !qwen3.inputBias)
    let biased = try #require(try read(["attention_bias": .bool(true)]).firstAttention)
    #expect(biased.inputBias && biased.outputBias)
    #expect(try read(["mlp_bias": .bool(true)]).firstMLP?.inputBias == true)
  }

  @Test func slidingWindows() throws {
    let mistral: [String: JSONValue?] = ["model_type": .string("mistral")]
    #expect(try read(mistral).layers.map { $0.attention?.window } == [4096, 4096])
    #expect(
      try read(mistral.merging(["sliding_window": .null]) { $1 }).layers[0].attention?.window
        == nil)
    let qwen: [String: JSONValue?] = [
      "model_type": .string("qwen2"), "sliding_window": .integer(32),
      "max_window_layers": .integer(1),
    ]
    #expect(try !read(qwen).hasWindows)
    let windowed = try read(qwen.merging(["use_sliding_window": .bool(true)]) { $1 })
    #expect(windowed.layers.map { $0.attention?.window } == [nil, 32])
  }

  @Test func rotaryWrittenEitherWay() throws {
    let older = try read(["rope_scaling": .object(Self.llama3)])
    var parameters = Self.llama3
    parameters["rope_theta"] = .number(10000)
    let newer = try read([
      "rope_theta": nil as JSONValue?, "rope_parameters": .object(parameters),
    ])
    #expect(older == newer)
    #expect(
      older.rotaries[0].scaling
        == .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 8192))
    let plain = try read([
      "rope_theta": nil as JSONValue?,
      "rope_parameters": .object(["rope_type": .string("default"), "rope_theta": .number(5e5)]),
    ])
    #expect(plain.rotaries == [RotaryEmbedding(theta: 5e5)])
    let half: JSONValue = .object([
      "rope_theta": .number(1e4), "partial_rotary_factor": .number(0.5),
    ])
    let partial = try read(["model_type": .string("phi3"), "rope_parameters": half])
    #expect(partial.firstAttention?.rotary?.dimensions == 8)
    // transformers' LLaMA turns whole heads.
    #expect(throws: InputError.self) { try read(["rope_parameters": half]) }
  }

  /// In both spellings: an empty one says nothing, as in transformers; two that differ are refused.
  @Test func rotaryWrittenBothWays() throws {
    let newer: JSONValue = .object(["rope_type": .string("default"), "rope_theta": .number(5e5)])
    let older: JSONValue = .object(Self.llama3)
    for empty in [JSONValue.null, .object([:])] {
      #expect(
        try read(["rope_theta": nil, "rope_scaling": empty, "rope_parameters": newer]).rotaries
          == [RotaryEmbedding(theta: 5e5)])
      #expect(
        try read(["rope_scaling": older, "rope_parameters": empty])
          == read(["rope_scaling": older]))
      #expect(try read(["rope_scaling": empty, "rope_parameters": empty]) == read([:]))
    }
    var parameters = Self.llama3
    parameters["rope_theta"] = .number(10000)
    #expect(
      try read(["rope_scaling": older, "rope_parameters": .object(parameters)])
        == read(["rope_scaling": older]))

    func contradiction(_ changes: [String: JSONValue?]) throws -> String {
      let error = #expect(throws: InputError.self) { try read(changes) }
      return error?.description ?? ""
    }
    let base = try contradiction([
      "rope_theta": nil, "rope_scaling": older,
      "rope_parameters": .object(["rope_theta": .number(5e5)]),
    ])
    #expect(base.contains("rope_scaling, rope_parameters: mean a rope_theta of 10000.0"), "\(base)")
    parameters["factor"] = .number(16)
    let factor = try contradiction([
      "rope_scaling": older, "rope_parameters": .object(parameters),
    ])
    #expect(factor.contains("rope_scaling, rope_parameters: mean rotations"), "\(factor)")
  }

  /// The same where families read more of it.
  @Test func rotaryWrittenBothWaysInFamilies() throws {
    func read(_ modelType: String, _ changes: [String: JSONValue]) throws -> Architecture {
      try Architecture(
        name: "test",
        config: JSONObject(FamilyTests.smallest(modelType).merging(changes) { $1 }))
    }
    // Layers with a window are not scaled by what is said of all.
    func gemma(_ older: JSONValue) throws -> Architecture {
      let full: [String: JSONValue] = [
        "rope_type": .string("linear"), "factor": .number(8), "rope_theta": .number(1e6),
      ]
      let sliding: [String: JSONValue] = [
        "rope_type": .string("default"), "rope_theta": .number(1e4),
      ]
      return try read(
        "gemma3_text",
        [
          "rope_scaling": older,
          "rope_parameters": .object([
            "full_attention": .object(full), "sliding_attention": .object(sliding),
          ]),
        ])
    }
    func linear(_ factor: Double) -> JSONValue {
      .object(["rope_type": .string("linear"), "factor": .number(factor)])
    }
    #expect(try gemma(linear(8)) == gemma(.null))
    #expect(try gemma(linear(8)).rotaries.map(\.scaling) == [.linear(factor: 8), nil])
    #expect(throws: InputError.self) { try gemma(linear(4)) }
    // Their base is their own field, not that of the others.
    let plain: JSONValue = .object(["rope_type": .string("default")])
    let bases = try read(
      "gemma3_text",
      [
        "rope_theta": .number(1e6), "rope_local_base_freq": .number(2e4),
        "rope_parameters": .object(["full_attention": plain, "sliding_attention": plain]),
      ])
    #expect(bases.rotaries.map(\.theta) == [1e6, 2e4])

    #expect(try read("gpt_oss", ["rope_scaling": .object([:])]) == read("gpt_oss", [:]))

    let parameters = try #require(FamilyTests.smallest("ministral3")["rope_parameters"])
    #expect(
      try read("ministral3", ["rope_scaling": parameters]) == read("ministral3", [:]))
    guard case .object(var other) = parameters else {
      Issue.record("no object")
      return
    }
    other["llama_4_scaling_beta"] = .number(0.2)
    #expect(throws: InputError.self) {
      try read("ministral3", ["rope_scaling": .object(other)])
    }

    // Scores are scaled by one of these and rotations by neither.
    let yarn: [String: JSONValue] = [
      "rope_type": .string("yarn"), "factor": .number(40),
      "original_max_position_embeddings": .integer(4096),
    ]
    let error = #expect(throws: InputError.self) {
      try read(
        "deepseek_v2",
        [
          "rope_scaling": .object(
            yarn.merging(["mscale": .number(1), "mscale_all_dim": .number(1)]) { $1 }),
          "rope_parameters": .object(yarn.merging(["attention_factor": .number(1)]) { $1 }),
        ])
    }
    #expect(error?.description.contains("mscale_all_dim") == true)
  }

  /// By type of layer, as transformers 5 nests it: what one rotation is asked of must be one.
  @Test func rotaryByLayerType() throws {
    func parameters(_ full: Double, _ sliding: Double) -> JSONValue {
      .object([
        "full_attention": .object(["rope_type": .string("default"), "rope_theta": .number(full)]),
        "sliding_attention": .object([
          "rope_type": .string("default"), "rope_theta": .number(sliding),
        ]),
      ])
    }
    let same = try read(["rope_theta": nil, "rope_parameters": parameters(5e5, 5e5)])
    #expect(same.rotaries == [RotaryEmbedding(theta: 5e5)])
    let error = #expect(throws: InputError.self) {
      try read(["rope_theta": nil, "rope_parameters": parameters(5e5, 1e4)])
    }
    #expect(error?.description.contains("rope_parameters") == true)

    let gemma = try read([
      "model_type": .string("gemma3_text"), "rope_theta": nil, "sliding_window": .integer(8),
      "layer_types": .array([.string("sliding_attention"), .string("full_attention")]),
      "rope_parameters": parameters(1e6, 1e4),
    ])
    #expect(gemma.layers.map { gemma.rotaries[$0.attention!.rotary!.table].theta } == [1e4, 1e6])
    #expect(gemma.layers.map { $0.attention?.window } == [8, nil])
    #expect(throws: InputError.self) {
      try read([
        "model_type": .string("gemma3_text"), "rope_theta": nil,
        "rope_parameters": .object(["rope_theta": .number(1e4)]),
      ])
    }
  }

  /// A model around a text model that says nothing of it is no model with all defaults.
  @Test(
    arguments: [
      ["model_type": .string("llava")], ["model_type": .string("mistral3"), "text_config": .null],
      ["model_type": .string("gemma3"), "text_config": .object([:])],
    ] as [[String: JSONValue]])
  func textModelsThatAreMissing(fields: [String: JSONValue]) {
    let error = #expect(throws: InputError.self) {
      try Architecture(name: "test", config: JSONObject(fields))
    }
    #expect(error?.description.contains("text_config") == true)
  }

  /// Patterns of layers go on where there are more of them.
  @Test func moreLayersOfAPattern() throws {
    var gemma = try Zoo.shipped().architecture(named: "gemma-3-1b")
    gemma.layers.resize(to: 36)
    let global = gemma.layers.indices.filter { gemma.layers[$0].attention?.window == nil }
    #expect(global == [5, 11, 17, 23, 29, 35])
  }

  @Test func storageIsToldNotRefused() throws {
    for (storage, format) in [
      (["quant_method": .string("fp8"), "fmt": .string("e4m3")], "fp8"),
      (["quant_method": .string("awq"), "bits": .integer(4)], "int4"),
      (["load_in_4bit": .bool(true), "bnb_4bit_quant_type": .string("nf4")], "nf4"),
      (
        [
          "load_in_8bit": .bool(true), "bnb_4bit_quant_type": .string("fp4"),
          "load_in_4bit": .bool(false),
        ], "int8"
      ),
      (["group_size": .integer(64), "bits": .integer(4)], "int4"),
      (["quant_method": .string("exl2"), "bits": .number(4.25)], "4.25 bits"),
      (["quant_method": .string("modelopt"), "quant_algo": .string("NVFP4")], "nvfp4"),
      (["quant_method": .string("hqq")], "hqq"),
      (
        [
          "quant_method": .string("compressed-tensors"),
          "config_groups": .object([
            "group_0": .object([
              "weights": .object(["num_bits": .integer(8), "type": .string("float")])
            ])
          ]),
        ], "fp8"
      ),
    ] as [([String: JSONValue], String)] {
      var fields = Self.base
      fields["quantization_config"] = .object(storage)
      let config = ConfigReader(JSONObject(fields))
      let architecture = try Architecture(name: "test", config: config)
      #expect(config.storedAs == format)
      #expect(config.notes.count == 1 && config.notes[0].contains(format))
      #expect(try architecture == read([:]))
    }
  }

  @Test func textModelsOfLargerOnesAreTaken() throws {
    var text = Self.base
    text["model_type"] = .string("mistral")
    text["sliding_window"] = .null
    let config = ConfigReader(
      JSONObject([
        "model_type": .string("mistral3"), "text_config": .object(text),
        "vision_config": .object(["model_type": .string("pixtral")]),
        "tie_word_embeddings": .bool(true), "spatial_merge_size": .integer(2),
      ]))
    let architecture = try Architecture(name: "test", config: config)
    #expect(architecture.modelType == "mistral" && architecture.tiedEmbeddings)
    #expect(config.notes == ["of this mistral3 model, only its text model is taken (mistral)"])
    // Gemma 3's leaves out what transformers knows.
    let sparse = try Architecture(
      name: "gemma-3-4b",
      config: JSONObject([
        "model_type": .string("gemma3"), "vision_config": .object([:]),
        "text_config": .object([
          "model_type": .string("gemma3_text"), "hidden_size": .integer(2560),
          "intermediate_size": .integer(10240), "num_hidden_layers": .integer(34),
          "rope_scaling": .object(["factor": .number(8), "rope_type": .string("linear")]),
          "sliding_window": .integer(1024),
        ]),
      ]))
    #expect(sparse.parameters.total == 3_880_263_168)
    #expect(sparse.rotaries.map(\.theta) == [1e6, 1e4])
    #expect(sparse.rotaries.map(\.scaling) == [.linear(factor: 8), nil])
    // Qwen's first ones stand beside the others' fields.
    var flat = Self.base
    flat["model_type"] = .string("qwen2_5_vl")
    flat["vision_config"] = .object(["depth": .integer(32)])
    flat["rope_scaling"] = .object([
      "type": .string("mrope"), "mrope_section": .array([.integer(2), .integer(3), .integer(3)]),
    ])
    #expect(
      try Architecture(name: "test", config: JSONObject(flat))
        == read(["model_type": .string("qwen2")]))
    flat["rope_theta"] = nil
    #expect(try Architecture(name: "test", config: JSONObject(flat)).rotaries[0].theta == 1e6)
    text["model_type"] = .string("mllama_text_model")
    let error = #expect(throws: InputError.self) {
      try Architecture(
        name: "test",
        config: JSONObject(["model_type": .string("llava"), "text_config": .object(text)]))
    }
    #expect(error?.description.contains("mllama_text_model") == true)
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
      ("model_type", .string("falcon_h1"), ["model_type", "falcon_h1", "llama"]),
      ("model_type", nil, ["model_type", "missing"]),
      ("hidden_act", .string("tanh"), ["hidden_act", "tanh", "silu"]),
      ("mlp_bias", .integer(1), ["mlp_bias"]),
      ("clip_qkv", .number(8), ["clip_qkv", "8", "hidden_size"]),
      ("rms_norm_eps", .integer(0), ["rms_norm_eps"]),
      ("rms_norm_eps", .number(1e39), ["rms_norm_eps", "1e+39", "32-bit floats"]),
      ("rms_norm_eps", .number(1e-60), ["rms_norm_eps", "1e-60", "32-bit floats"]),
      ("rope_theta", .number(1e300), ["rope_theta", "1e+300", "32-bit floats"]),
      ("tie_word_embeddings", .integer(1), ["tie_word_embeddings", "true or false"]),
      ("vocab_size", .array([]), ["vocab_size", "an array"]),
      (
        "rope_scaling", .object(["rope_type": .string("axial")]),
        ["rope_scaling", "rope_type", "axial", "llama3"]
      ),
      (
        "rope_scaling", .object(["type": .string("linear")]), ["rope_scaling", "factor", "missing"]
      ),
      (
        "rope_scaling",
        .object(["rope_type": .string("longrope"), "short_factor": .array([.number(1)])]),
        ["rope_scaling", "short_factor", "8"]
      ),
      (
        "rope_scaling", .object(["rope_type": .string("llama3")]),
        ["rope_scaling", "factor", "missing"]
      ),
      ("rope_scaling", .string("llama3"), ["rope_scaling", "object"]),
      (
        "rope_parameters",
        .object(["rope_theta": .number(1e4), "partial_rotary_factor": .number(0.2)]),
        ["partial_rotary_factor", "0.2", "1"]
      ),
      (
        "rope_parameters", .object(["rope_theta": .number(1e4), "spiral": .integer(2)]),
        ["rope_parameters", "spiral", "2"]
      ),
      ("quantization_config", .integer(4), ["quantization_config", "object"]),
    ] as [(String, JSONValue?, [String])])
  func badFields(field: String, value: JSONValue?, wanted: [String]) throws {
    let error = #expect(throws: InputError.self) { try read([field: value]) }
    let text = try #require(error).description
    for part in wanted { #expect(text.contains(part), "\(text)") }
    #expect(!text.contains("\n"))
  }

  /// LongRoPE has one factor for each pair of elements that is turned, not for each of the head.
  @Test(
    arguments: [
      ([:], 8), (["head_dim": .integer(32)], 16),
      (["model_type": .string("phi3"), "partial_rotary_factor": .number(0.5)], 4),
    ] as [([String: JSONValue], Int)])
  func longRoPEFactorsMatchWhatIsTurned(changes: [String: JSONValue], pairs: Int) throws {
    func read(_ short: Int, _ long: Int) throws -> Architecture {
      func factors(_ count: Int) -> JSONValue {
        .array(Array(repeating: .number(1.5), count: count))
      }
      let scaling: JSONValue = .object([
        "rope_type": .string("longrope"), "short_factor": factors(short),
        "long_factor": factors(long),
        "original_max_position_embeddings": .integer(64), "factor": .number(2),
      ])
      return try self.read(changes.merging(["rope_scaling": scaling]) { $1 })
    }
    #expect(try read(pairs, pairs).firstAttention?.rotary?.dimensions == 2 * pairs)
    for (short, long) in [(pairs - 1, pairs), (pairs, pairs + 1), (2 * pairs, 2 * pairs), (0, 0)] {
      let error = #expect(throws: InputError.self) { try read(short, long) }
      let text = try #require(error).description
      #expect(text.contains("rope_scaling") && text.contains("\(pairs)"), "\(text)")
    }
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
