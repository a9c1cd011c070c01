import Foundation
import Input
import Model
import Testing

/// Architectures from GGUF metadata alone: llama.cpp's keys, and what it assumes where none is there.
@Suite struct GGUFMetadataTests {
  static func metadata(
    _ architecture: String, _ changes: [String: JSONValue] = [:], tensors: [String: [Int]] = [:]
  ) throws -> GGUFMetadata {
    var values: [String: JSONValue] = [
      "block_count": .integer(6), "embedding_length": .integer(64),
      "feed_forward_length": .integer(128), "attention.head_count": .integer(4),
      "attention.head_count_kv": .integer(2), "context_length": .integer(128),
    ]
    let hasLayerNorm = ["gpt2", "gptneox", "stablelm", "cohere2"].contains(architecture)
    values["attention.layer_norm_\(hasLayerNorm ? "" : "rms_")epsilon"] = .number(1e-5)
    // GPT's heads have no groups.
    if architecture.hasPrefix("gpt") { values["attention.head_count_kv"] = nil }
    values.merge(changes) { $1 }
    var named = Dictionary(
      uniqueKeysWithValues: values.map { ("\(architecture).\($0.key)", $0.value) })
    named["general.architecture"] = .string(architecture)
    return try GGUFMetadata(
      values: JSONObject(named),
      shapes: ["token_embd.weight": [100, 64]].merging(tensors) { $1 })
  }

  /// Factors in tensors, of another head: `rope_freqs`, and LongRoPE's two.
  @Test func factorsOfOtherHeadsAreRefused() throws {
    for (short, long) in [(8, 7), (7, 8), (16, 16), (0, 0)] {
      let plain = try Self.metadata("llama")
      let factors = GGUFMetadata.RotaryFactors(
        short: Array(repeating: 1, count: short), long: Array(repeating: 2, count: long))
      let metadata = try GGUFMetadata(
        values: plain.values, shapes: ["token_embd.weight": [100, 64]], rotaryFactors: factors)
      let error = #expect(throws: InputError.self) {
        try GGUFFamily.read(metadata, name: "test")
      }
      #expect(error?.description.contains("one a turned pair") == true, "\(short), \(long)")
    }
  }

  private func read(
    _ architecture: String, _ changes: [String: JSONValue] = [:], tensors: [String: [Int]] = [:]
  ) throws -> Architecture {
    try GGUFFamily.read(Self.metadata(architecture, changes, tensors: tensors), name: "test")
      .architecture
  }

  /// What nothing asks for may change the model; what is off, or of training, does not.
  @Test func keysThatNothingUnderstands() throws {
    for key in ["logit_scale", "attention.clamp_kqv", "a_new_scale"] {
      let error = #expect(throws: InputError.self) { try read("llama", [key: .number(3)]) }
      #expect(error?.description.contains("llama.\(key)") == true)
    }
    #expect(throws: InputError.self) { try read("llama", ["attention.causal": .bool(false)]) }
    #expect(throws: InputError.self) {
      try read("llama", ["attention.layer_norm_rms_epsilon": .null])
    }
    for (key, value) in [
      ("vocab_size", JSONValue.integer(100)), ("attention.clamp_kqv", .number(0)),
      ("use_parallel_residual", .bool(false)), ("attention.causal", .bool(true)),
    ] {
      #expect(throws: Never.self) { try read("llama", [key: value]) }
    }
  }

  /// llama.cpp takes a factor without a type for linear scaling, and 0 for none.
  @Test func factorsWithoutAType() throws {
    func scaling(_ changes: [String: JSONValue]) throws -> RotaryEmbedding.Scaling? {
      try read("llama", changes).rotaries[0].scaling
    }
    for key in ["rope.scaling.factor", "rope.scale_linear"] {
      #expect(try scaling([key: .number(4)]) == .linear(factor: 4), "\(key)")
      #expect(try scaling([key: .integer(4)]) == .linear(factor: 4), "\(key)")
      for none in [0.0, 1.0] {
        #expect(try scaling([key: .number(none)]) == nil, "\(key), \(none)")
      }
    }
    let off: [String: JSONValue] = [
      "rope.scaling.type": .string("none"), "rope.scaling.factor": .number(4),
    ]
    #expect(try scaling(off) == nil)
    let factor: [String: JSONValue] = [
      "rope.scaling.type": .string("longrope"), "rope.scaling.factor": .number(4),
    ]
    #expect(throws: InputError.self) { try read("llama", factor) }
  }

  private static let linear: [String: JSONValue] = [
    "rope.scaling.type": .string("linear"), "rope.scaling.factor": .number(4),
  ]
  private static let yarn: [String: JSONValue] = [
    "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .number(4),
    "rope.scaling.original_context_length": .integer(32),
  ]

  /// What llama.cpp multiplies or blends by, where nothing here does: only what changes nothing.
  @Test(
    arguments: [
      ("rope.scaling.attn_factor", 1, 1.19), ("rope.scaling.attn_factor", 1, 0),
      ("rope.scaling.yarn_attn_factor", 1, 1.19), ("rope.scaling.yarn_log_multiplier", 0, 0.1),
      ("rope.scaling.yarn_ext_factor", 0, 0.5), ("rope.scaling.yarn_ext_factor", -1, 1),
      ("rope.scaling.yarn_beta_fast", 32, 16), ("rope.scaling.yarn_beta_slow", 1, 2),
    ] as [(String, Double, Double)])
  func scalingThatIsNotAppliedIsRefused(key: String, neutral: Double, other: Double) throws {
    for scaling in [[:], Self.linear] {
      let same = try read("llama", scaling.merging([key: .number(neutral)]) { $1 })
      #expect(try same == read("llama", scaling))
      let error = #expect(throws: InputError.self) {
        try read("llama", scaling.merging([key: .number(other)]) { $1 })
      }
      let text = error?.description ?? ""
      #expect(text.contains("llama.\(key): is \(other); expected"), "\(text)")
    }
  }

  /// The same keys where YaRN or factors in tensors take them in.
  @Test func scalingThatIsApplied() throws {
    func factor(_ changes: [String: JSONValue]) throws -> Double {
      try read("llama", Self.yarn.merging(changes) { $1 }).rotaries[0].attentionFactor
    }
    let plain = RotaryEmbedding.YaRN.magnitude(4)
    #expect(try factor([:]) == plain)
    for (key, neutral) in [
      ("rope.scaling.attn_factor", 1.0), ("rope.scaling.yarn_ext_factor", 1.0),
      ("rope.scaling.yarn_ext_factor", -1.0),
    ] {
      #expect(try factor([key: .number(neutral)]) == plain, "\(key)")
    }
    let further: [String: JSONValue] = ["rope.scaling.attn_factor": .number(1.5)]
    #expect(try factor(further) == 1.5 * plain)
    #expect(
      try factor(further.merging(["rope.scaling.yarn_attn_factor": .number(2)]) { $1 }) == 3)
    // A multiplier of 1 takes the factor back, whether the other says 1 or nothing.
    let balanced: [String: JSONValue] = ["rope.scaling.yarn_log_multiplier": .number(1)]
    #expect(try factor(balanced) == 1)
    #expect(
      try factor(balanced.merging(["rope.scaling.attn_factor": .number(1)]) { $1 }) == 1)
    for refused in [
      balanced.merging(further) { $1 }, ["rope.scaling.yarn_ext_factor": .number(0)],
      further.merging(["rope.scaling.factor": .number(1)]) { $1 },
    ] {
      #expect(throws: InputError.self) { try factor(refused) }
    }

    let metadata = try Self.metadata("llama", ["rope.scaling.attn_factor": .number(1.19)])
    let factors = GGUFMetadata.RotaryFactors(
      short: Array(repeating: 1, count: 8), long: Array(repeating: 2, count: 8))
    let stretched = try GGUFFamily.read(
      GGUFMetadata(values: metadata.values, shapes: metadata.shapes, rotaryFactors: factors),
      name: "test")
    #expect(stretched.architecture.rotaries[0].attentionFactor == 1.19)
  }

  /// Layers with a window whose heads are others'.
  @Test(arguments: [
    "attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa",
  ])
  func headsOfWindowedLayers(key: String) throws {
    #expect(try read("gemma3", [key: .integer(16)]) == read("gemma3"))
    let error = #expect(throws: InputError.self) { try read("gemma3", [key: .integer(8)]) }
    #expect(error?.description.contains("gemma3.\(key): is 8; expected 16") == true)
  }

  /// All layers have a bias, or none has: one of some would be dropped, or missed.
  @Test(arguments: [
    "llama", "granite", "glm4", "qwen2", "qwen3", "ernie4_5", "arcee", "seed_oss", "stablelm",
  ])
  func biasesOfSomeLayersAreRefused(architecture: String) throws {
    for (layer, lacking) in [(0, 1), (5, 0)] {
      let error = #expect(throws: InputError.self) {
        try read(architecture, tensors: ["blk.\(layer).attn_q.bias": [64]])
      }
      let text = error?.description ?? ""
      #expect(
        text.contains(
          "tensor blk.\(lacking).attn_q.bias: is missing, while layer \(layer) has it"), "\(text)")
    }
    let all = Dictionary(uniqueKeysWithValues: (0..<6).map { ("blk.\($0).attn_q.bias", [64]) })
    #expect(try read(architecture, tensors: all).firstAttention?.inputBias == true)
  }

  @Test func familiesThatShareAnArchitectureAreToldApart() throws {
    #expect(try read("olmo2").modelType == "olmo2")
    let olmo3 = try read("olmo2", ["attention.sliding_window": .integer(8)])
    #expect(olmo3.modelType == "olmo3")
    #expect(olmo3.layers.map { $0.attention?.window } == [8, 8, 8, nil, 8, 8])
    #expect(try read("mistral3").modelType == "mistral")
    let ministral = try read(
      "mistral3",
      [
        "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .number(4),
        "rope.scaling.original_context_length": .integer(32),
        "rope.scaling.yarn_log_multiplier": .number(1),
        "attention.temperature_scale": .number(0.1),
      ])
    #expect(ministral.modelType == "ministral3" && ministral.rotaries[0].attentionFactor == 1)
    #expect(ministral.firstAttention?.temperature == .init(beta: 0.1, positions: 32))
  }

  @Test func rowsAreOrderedAsTheConverterOrdersThem() throws {
    for (architecture, interleaved) in [
      ("llama", true), ("granite", true), ("smollm3", true), ("arcee", true), ("minicpm", true),
      ("deci", true), ("mistral3", true), ("glm4", true), ("ernie4_5", true), ("qwen3", false),
      ("phi3", false), ("gemma2", false), ("olmo2", false), ("stablelm", false),
      ("exaone4", false), ("seed_oss", false), ("gptneox", false),
    ] {
      #expect(
        try read(architecture).firstAttention?.rotary?.interleaved == interleaved,
        "\(architecture)")
    }
  }

  @Test func whatMetadataLeavesOut() throws {
    // Every second layer of Gemma 2 has a window; only the largest one scales scores otherwise.
    let gemma = try read("gemma2")
    #expect(gemma.layers.map { $0.attention?.window } == [4096, nil, 4096, nil, 4096, nil])
    #expect(gemma.firstAttention?.scale == 0.25 && gemma.rotaries[0].theta == 10_000)
    let largest = try read(
      "gemma2",
      [
        "block_count": .integer(46), "attention.key_length": .integer(8),
        "attention.value_length": .integer(8),
      ])
    #expect(largest.firstAttention?.scale == 0.25 && largest.headDimension == 8)
    let third = try read("gemma3", ["attention.sliding_window": .integer(8)])
    #expect(third.layers.map { $0.attention?.window } == [8, 8, 8, 8, 8, nil])
    let cohere = try read("cohere2", ["attention.sliding_window": .integer(8)])
    #expect(
      cohere.layers.map { $0.attention?.rotary != nil } == [true, true, true, false, true, true])
    // 0 is none.
    #expect(try !read("phi3", ["attention.sliding_window": .integer(0)]).hasWindows)
    let exaone = try read("exaone4")
    #expect(!exaone.hasWindows && exaone.layers[3].attention?.rotary != nil)
    let mini = try read("minicpm")
    #expect(mini.embeddingScale == 12 && mini.logitScale == 4)
    #expect(mini.layers[0].residualScale == 1.4 / 6.0.squareRoot())
    let neox = try read("gptneox", ["rope.dimension_count": .integer(4)])
    #expect(neox.firstAttention?.rotary?.dimensions == 4)
    #expect(neox.layers[0].arrangement == .parallel && !neox.firstAttention!.inputBias)
    #expect(try read("gpt2").learnedPositions == 128)
    #expect(try read("stablelm").layers[0].arrangement == .parallelOneNorm)
  }

  @Test func layersThatDiffer() throws {
    func list(_ sizes: [Int]) -> JSONValue { .array(sizes.map(JSONValue.integer)) }
    let architecture = try read(
      "deci",
      [
        "attention.head_count": list([4, 0, 4, 4, 0, 4]),
        "attention.head_count_kv": list([2, 0, 1, 4, 0, 4]),
        "feed_forward_length": list([128, 96, 0, 64, 0, 32]),
        "attention.key_length": .integer(16), "attention.value_length": .integer(16),
      ])
    #expect(architecture.layers.map { $0.attention?.keyValueHeads } == [2, nil, 1, 4, nil, 4])
    #expect(architecture.layers.map { $0.mlp?.intermediateSize } == [128, 96, nil, 64, nil, 32])
    #expect(throws: InputError.self) {
      try read("deci", ["attention.head_count_kv": list([2, 2, 0, 2, 2, 2])])
    }
    #expect(throws: InputError.self) { try read("deci", ["feed_forward_length": list([2, 2])]) }
  }

  @Test func unknownArchitecturesAreNamed() throws {
    let error = #expect(throws: InputError.self) { try read("mamba") }
    #expect(error?.description.contains("\"mamba\"") == true)
    #expect(error?.description.contains("llama") == true)
  }

  /// Whatever numbers stand in metadata, it is read or refused.
  @Test func numbersOfAnySizeAreReadOrRefused() throws {
    let numbers: [JSONValue] =
      [0, -1, 1, 3, 1 << 20, 1 << 40, .max, .min].map(JSONValue.integer)
      + [0, -0.5, 1e300].map(JSONValue.number) + [.array([]), .array([.integer(-3)]), .null]
    let keys = [
      "block_count", "embedding_length", "feed_forward_length", "attention.head_count",
      "attention.head_count_kv", "context_length", "attention.key_length",
      "attention.value_length", "rope.dimension_count", "rope.freq_base",
      "rope.scaling.factor", "rope.scaling.original_context_length", "attention.sliding_window",
      "attention.sliding_window_pattern", "residual_scale", "logit_scale", "attention.scale",
      "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon",
    ]
    for architecture in Set(Families.all.compactMap { $0.gguf?.architecture }) {
      for key in keys {
        for number in numbers { _ = try? read(architecture, [key: number]).parameters }
      }
    }
  }
}
