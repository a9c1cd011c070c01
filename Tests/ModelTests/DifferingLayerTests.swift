import Foundation
import Input
import Model
import TestSupport
import Testing

/// Layers that differ: `block_configs`, and our own `shishulm`.
@Suite struct DifferingLayerTests {
  static let shishulm: [String: JSONValue] = [
    "model_type": .string("shishulm"), "hidden_size": .integer(64),
    "intermediate_size": .integer(128), "num_hidden_layers": .integer(6),
    "num_attention_heads": .integer(4), "num_key_value_heads": .integer(2),
    "vocab_size": .integer(100), "attention_free_layers": .array([2, 3, 4].map(JSONValue.integer)),
    "shared_layers": .array([.array([.integer(3), .integer(2)])]),
  ]

  private func read(_ changes: [String: JSONValue] = [:]) throws -> Architecture {
    try Architecture(
      name: "test", config: JSONObject(Self.shishulm.merging(changes) { $1 }))
  }

  private func expectSurvives(_ architecture: Architecture) throws {
    let text = Data(try architecture.configText().utf8)
    #expect(
      try Architecture(name: architecture.name, config: JSONObject(parsing: text)) == architecture)
  }

  @Test func attentionFreeAndSharedLayers() throws {
    let architecture = try read()
    #expect(
      architecture.layers.map { $0.attention == nil } == [false, false, true, true, true, false])
    #expect(architecture.layers.source(of: 3) == 2)
    // Three layers with attention, two MLPs of the other three that are stored.
    let attention = 64 * 16 * (2 * 4 + 2 * 2)
    #expect(architecture.parameters.attention == 3 * attention)
    #expect(architecture.parameters.mlp == 5 * 3 * 64 * 128)
    #expect(architecture.cacheBytesPerToken(.f32) == Double(3 * 2 * 2 * 16 * 4))
    try expectSurvives(architecture)
  }

  @Test func everyLayerMayDifferInEverySize() throws {
    let architecture = try read([
      "intermediate_sizes": .array([128, 96, 80, 80, 64, 32].map(JSONValue.integer)),
      "num_attention_heads_per_layer": .array([4, 2, 0, 0, 0, 3].map(JSONValue.integer)),
      "num_key_value_heads_per_layer": .array([2, 1, 0, 0, 0, 3].map(JSONValue.integer)),
      "head_dims": .array([16, 8, 0, 0, 0, 16].map(JSONValue.integer)),
      "sliding_windows": .array([.integer(8), .null, .null, .null, .null, .integer(4)]),
      "no_rope_layers": .array([1, 1, 1, 1, 1, 0].map(JSONValue.integer)),
      "mlp_free_layers": .array([.integer(5)]), "use_qk_norm": .bool(true),
      "attention_bias": .bool(true), "attention_out_bias": .bool(false),
    ])
    let last = architecture.layers[5]
    #expect(last.mlp == nil && last.attention?.queryHeads == 3 && last.attention?.window == 4)
    #expect(last.attention?.rotary == nil && last.attention?.queryKeyNorm != nil)
    #expect(architecture.layers[1].attention?.rotary?.dimensions == 8)
    #expect(architecture.layers[1].mlp?.intermediateSize == 96)
    try expectSurvives(architecture)
  }

  /// A search changes layers of any family: what its family has no fields for is written as ours.
  @Test func otherFamiliesAreWrittenAsOurs() throws {
    var fields = Self.shishulm.filter { !$0.key.hasSuffix("_layers") || $0.key.hasPrefix("num") }
    fields["model_type"] = .string("qwen3")
    let qwen = try Architecture(name: "test", config: JSONObject(fields))
    #expect(qwen.config["model_type"] == .string("qwen3"))
    var free = qwen.layers[0]
    free.attention = nil
    var changed = qwen
    changed.layers = LayerStack(
      [qwen.layers[0], free, free, qwen.layers[0], qwen.layers[0], qwen.layers[0]], sharing: [2: 1])
    #expect(changed.config["model_type"] == .string("shishulm"))
    var again = try Architecture(name: "test", config: JSONObject(changed.config))
    again.modelType = "qwen3"
    #expect(again == changed)
    var windowed = qwen
    windowed.modelType = "llama"
    windowed.layers.modifyKinds { layer in
      layer.attention?.queryKeyNorm = nil
      layer.attention?.window = 16
    }
    #expect(windowed.config["model_type"] == .string("shishulm"))
  }

  /// Cohere's heads are of the hidden size, and our own words have no LayerNorm.
  @Test func whatNoConfigurationSaysIsNotWritten() throws {
    var cohere = try Architecture(
      name: "test",
      config: JSONObject([
        "model_type": .string("cohere2"), "hidden_size": .integer(64),
        "intermediate_size": .integer(128), "num_hidden_layers": .integer(4),
        "num_attention_heads": .integer(4), "num_key_value_heads": .integer(2),
        "vocab_size": .integer(100),
      ]))
    cohere.headDimension = 8
    let error = #expect(throws: InputError.self) { try cohere.configText() }
    #expect(error?.description.contains("cohere2") == true)
  }

  @Test(
    arguments: [
      ("shared_layers", .array([.array([.integer(2), .integer(3)])]), "earlier"),
      ("shared_layers", .array([.array([.integer(3), .integer(1)])]), "differ"),
      (
        "shared_layers",
        .array([.array([.integer(3), .integer(2)]), .array([.integer(4), .integer(3)])]), "own"
      ),
      ("shared_layers", .array([.integer(3)]), "pair"),
      ("attention_free_layers", .array([.integer(6)]), "0 to 5"),
      ("intermediate_sizes", .array([.integer(6)]), "num_hidden_layers, 6"),
      ("sliding_windows", .array(Array(repeating: .bool(true), count: 6)), "integers or null"),
      ("num_attention_heads_per_layer", .array(Array(repeating: .integer(3), count: 6)), "divide"),
      ("head_dims", .array(Array(repeating: .integer(0), count: 6)), "head_dims"),
    ] as [(String, JSONValue, String)])
  func badLists(field: String, value: JSONValue, wanted: String) throws {
    let error = #expect(throws: InputError.self) { try read([field: value]) }
    #expect(error?.description.contains(wanted) == true, "\(String(describing: error))")
  }

  static func block(_ attention: [String: JSONValue], _ ffn: [String: JSONValue]) -> JSONValue {
    .object(["attention": .object(attention), "ffn": .object(ffn)])
  }

  private func nemotron(_ blocks: [JSONValue]) throws -> Architecture {
    try Architecture(
      name: "test",
      config: JSONObject([
        "model_type": .string("nemotron-nas"), "hidden_size": .integer(8192),
        "intermediate_size": .null, "num_hidden_layers": .integer(blocks.count),
        "num_attention_heads": .integer(64), "num_key_value_heads": .null,
        "vocab_size": .integer(128_256), "rms_norm_eps": .number(1e-5),
        "block_configs": .array(blocks),
      ]))
  }

  @Test func blockConfigs() throws {
    let architecture = try nemotron([
      Self.block(
        [
          "n_heads_in_group": .integer(8), "no_op": .bool(false), "num_sink_tokens": .null,
          "replace_with_linear": .bool(false), "sparsify": .null, "window_length": .null,
        ], ["ffn_mult": .number(5.25), "no_op": .bool(false), "sparsify": .null]),
      Self.block(
        ["n_heads_in_group": .null, "no_op": .bool(true)], ["ffn_mult": .number(1.3125)]),
      Self.block(["n_heads_in_group": .integer(16)], ["no_op": .bool(true)]),
      Self.block(["n_heads_in_group": .integer(64)], ["intermediate_size": .integer(1000)]),
    ])
    // 5.25 is LLaMA 3 70B's width.
    #expect(architecture.layers.map { $0.mlp?.intermediateSize } == [28_672, 7168, nil, 1000])
    #expect(architecture.layers.map { $0.attention?.keyValueHeads } == [8, nil, 4, 1])
    try expectSurvives(architecture)
  }

  @Test func blocksThatAreNotUnderstood() throws {
    for block in [
      Self.block(["replace_with_linear": .bool(true)], ["ffn_mult": .number(1)]),
      Self.block(["n_heads_in_group": .integer(7)], ["ffn_mult": .number(1)]),
      Self.block(["n_heads_in_group": .integer(8), "window_length": .integer(128)], [:]),
      Self.block(["n_heads_in_group": .integer(8)], ["ffn_mult": .number(-1)]),
      .object([:]),
    ] {
      let error = #expect(throws: InputError.self) { try nemotron([block]) }
      #expect(error?.description.contains("block_configs[0]") == true)
    }
  }
}

/// A layer's parts by kind.
@Suite struct LayerPartTests {
  /// Writing through a part that is not there changes nothing.
  @Test func absentPartsStayAbsent() {
    let norm = Norm.rms(1e-5)
    let dense = Layer(
      attention: Attention(queryHeads: 2, keyValueHeads: 1, headDimension: 8, inputNorm: norm),
      mlp: MLP(intermediateSize: 32, inputNorm: norm))
    var layer = dense
    layer.latentAttention?.rank = 3
    layer.experts?.count = 3
    #expect(layer == dense)
    layer.attention = nil
    layer.mlp = nil
    layer.attention?.window = 3
    #expect(layer.mixer == nil && layer.feedForward == nil)
  }
}
