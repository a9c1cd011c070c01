import Foundation
import Input
import Model
import TestSupport
import Testing

/// Every family's configurations, against what transformers saves for them.
@Suite struct FamilyTests {
  static let folder = Files.fixtures.appendingPathComponent("huggingface")

  /// The fixtures' folders.
  static var fixtures: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { config($0) != nil }.sorted()
  }

  static func config(_ name: String, _ file: String = "config.json") -> Data? {
    try? Data(contentsOf: folder.appendingPathComponent(name).appendingPathComponent(file))
  }

  static func architecture(
    _ name: String, _ file: String = "config.json"
  ) throws -> Architecture {
    try Architecture(name: name, config: JSONObject(parsing: #require(config(name, file))))
  }

  @Test(arguments: fixtures)
  func whatIsWrittenIsReadAgain(fixture: String) throws {
    let architecture = try Self.architecture(fixture)
    let text = Data(try architecture.configText().utf8)
    let config = try JSONObject(parsing: text)
    #expect(try Architecture(name: fixture, config: config) == architecture)
    #expect(try config.string("model_type") == architecture.modelType)
  }

  @Test(arguments: fixtures.filter { config($0, "config.v4.json") != nil })
  func transformers4WroteTheSame(fixture: String) throws {
    #expect(try Self.architecture(fixture, "config.v4.json") == Self.architecture(fixture))
  }

  /// A checkpoint has the tensors that the program asks for, of these shapes, and no others.
  @Test(arguments: fixtures)
  func tensorsAreNamed(fixture: String) throws {
    let architecture = try Self.architecture(fixture)
    let shapes = try Self.shapes(fixture)
    guard !shapes.isEmpty else { return }
    let tensors = try Families.named(architecture.modelType).tensors
      .asNamed(in: shapes.keys, architecture)
    var used: Set<String> = []
    func check(_ operation: Operator, _ layer: Int?) {
      let layer = layer.map { architecture.layers.source(of: $0) }
      for weight in operation.weights {
        let place = tensors.source(weight, layer, architecture).found { shapes[$0] != nil }
        // Some files hold it even where it is the embedding's.
        if weight.role == .head, architecture.tiedEmbeddings, shapes[place.names[0]] == nil {
          continue
        }
        for (name, shape) in zip(place.names, place.shapes(of: weight)) {
          used.insert(name)
          // Vectors are taken whatever their shape.
          let isSame =
            weight.isMatrix && !weight.isExact
            ? shapes[name] == shape
            : shapes[name]?.reduce(1, *) == shape.reduce(1, *)
          #expect(isSame, "\(name): \(String(describing: shapes[name])), not \(shape)")
        }
      }
    }
    architecture.lowered().forEach(check)
    let surplus = Set(shapes.keys).subtracting(used)
      .subtracting(tensors.harmless(among: Set(shapes.keys), architecture))
    #expect(surplus.isEmpty)
  }

  /// Shapes of all tensors in a folder's safetensors files.
  private static func shapes(_ fixture: String) throws -> [String: [Int]] {
    let folder = folder.appendingPathComponent(fixture)
    var shapes: [String: [Int]] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasSuffix(".safetensors") {
      let data = try Data(contentsOf: folder.appendingPathComponent(file))
      let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      for (name, value) in try JSONObject(parsing: data.dropFirst(8).prefix(length)).fields
      where name != "__metadata__" {
        guard case .object(let tensor) = value, case .array(let sizes) = tensor["shape"] else {
          continue
        }
        shapes[name] = sizes.compactMap { if case .integer(let size) = $0 { size } else { nil } }
      }
    }
    return shapes
  }

  /// Families that no fixture is of, and fields that fixtures leave at their defaults.
  @Test func everyFamilyIsReadAndWritten() throws {
    for family in Families.all {
      let architecture = try Architecture(
        name: family.modelType, config: JSONObject(Self.smallest(family.modelType)))
      let text = Data(try architecture.configText().utf8)
      #expect(
        try Architecture(name: family.modelType, config: JSONObject(parsing: text))
          == architecture, "\(family.modelType)")
    }
  }

  /// Sizes alone, all else at the family's defaults.
  static func smallest(_ modelType: String) -> [String: JSONValue] {
    var fields: [String: JSONValue] = [
      "model_type": .string(modelType), "hidden_size": .integer(256),
      "intermediate_size": .integer(512), "num_hidden_layers": .integer(8),
      "num_attention_heads": .integer(4), "num_key_value_heads": .integer(4),
      "vocab_size": .integer(128),
    ]
    switch modelType {
    case "gpt2":
      fields = [
        "model_type": .string(modelType), "n_embd": .integer(48), "n_head": .integer(4),
        "n_layer": .integer(2), "n_positions": .integer(64), "vocab_size": .integer(128),
      ]
    case "granitemoehybrid":
      fields["num_local_experts"] = .integer(0)
      fields["shared_intermediate_size"] = .integer(512)
      fields["layer_types"] = .array(Array(repeating: .string("attention"), count: 8))
    case "deepseek_v2": fields["num_experts_per_tok"] = .integer(6)
    case "ministral3":
      fields["rope_parameters"] = .object([
        "rope_type": .string("yarn"), "rope_theta": .number(1e6), "factor": .number(16),
        "original_max_position_embeddings": .integer(16_384), "mscale": .number(1),
        "mscale_all_dim": .number(1), "llama_4_scaling_beta": .number(0.1),
      ])
    case "nemotron-nas":
      fields["block_configs"] = .array(
        Array(
          repeating: .object([
            "attention": .object(["n_heads_in_group": .integer(2)]),
            "ffn": .object(["ffn_mult": .number(2.625)]),
          ]), count: 8))
    case "deci":
      fields["num_key_value_heads_per_layer"] = .array(
        [4, 4, 2, 2, 1, 1, 2, 4].map(JSONValue.integer))
    default: break
    }
    return fields
  }

  private static func yarn(mscale: Double, all: Double) -> JSONValue {
    .object([
      "type": .string("yarn"), "factor": .number(40), "beta_fast": .number(32),
      "beta_slow": .number(1), "mscale": .number(mscale), "mscale_all_dim": .number(all),
      "original_max_position_embeddings": .integer(4096),
    ])
  }

  /// Factors that are computed from fields survive exactly.
  @Test(arguments: [
    ("gemma2", "query_pre_attn_scalar", JSONValue.integer(144)),
    ("gemma2", "query_pre_attn_scalar", .integer(7)),
    ("gemma3_text", "query_pre_attn_scalar", .integer(168)),
    ("minicpm", "scale_depth", .number(1.4)), ("minicpm", "dim_model_base", .number(100)),
    ("granite", "logits_scaling", .number(9.7)), ("granite", "residual_multiplier", .number(0.22)),
    ("glm4", "partial_rotary_factor", .number(0.33)),
    ("glm4", "partial_rotary_factor", .number(0.46875)),
    ("stablelm", "partial_rotary_factor", .number(0.1)),
    ("gpt_neox", "rotary_pct", .number(0.6)),
    ("gpt2", "scale_attn_by_inverse_layer_idx", .bool(true)),
    ("granitemoe", "logits_scaling", .number(9.7)), ("minimax_m2", "rotary_dim", .integer(30)),
    ("glm4_moe", "partial_rotary_factor", .number(0.46875)),
    ("deepseek_v3", "routed_scaling_factor", .number(2.446)),
    ("deepseek_v2", "rope_scaling", yarn(mscale: 0.707, all: 0.707)),
    ("deepseek_v3", "rope_scaling", yarn(mscale: 1, all: 0.3)),
    ("deepseek_v3", "q_lora_rank", .null), ("deepseek_v3", "n_shared_experts", .integer(0)),
    ("deepseek_v3", "n_group", .integer(1)), ("deepseek_v3", "rope_interleave", .bool(false)),
    ("deepseek_v2", "n_routed_experts", .null), ("gpt_oss", "sliding_window", .null),
    ("ernie4_5_moe", "moe_layer_interval", .integer(3)),
    ("llama4_text", "attn_temperature_tuning", .integer(4)),
    ("llama4_text", "attention_chunk_size", .null), ("llama4_text", "floor_scale", .integer(100)),
    ("llama4_text", "interleave_moe_layer_step", .integer(2)),
    ("qwen2_moe", "decoder_sparse_step", .integer(2)),
    ("qwen3_moe", "mlp_only_layers", .array([.integer(0), .integer(3)])),
    ("gpt2", "scale_attn_weights", .bool(false)),
  ])
  func factors(family: String, field: String, value: JSONValue) throws {
    var fields = Self.smallest(family)
    if family != "gpt2" { fields["num_hidden_layers"] = .integer(7) }
    fields[field] = value
    let architecture = try Architecture(name: family, config: JSONObject(fields))
    let text = Data(try architecture.configText().utf8)
    #expect(try Architecture(name: family, config: JSONObject(parsing: text)) == architecture)
  }

  /// Whatever numbers stand in a configuration, it is read or refused.
  @Test func numbersOfAnySizeAreReadOrRefused() throws {
    let numbers: [JSONValue] =
      [0, -1, 1, 3, 1 << 20, 1 << 40, .max, .min].map(JSONValue.integer)
      + [0, -0.5, 1e-300, 1e300].map(JSONValue.number) + [.array([]), .bool(true), .null]
    let others = [
      "head_dim", "max_position_embeddings", "sliding_window", "partial_rotary_factor",
      "rope_theta",
      "query_pre_attn_scalar", "rms_norm_eps", "layer_norm_eps", "sliding_window_pattern",
      "no_rope_layer_interval", "logits_scaling", "dim_model_base", "scale_depth", "n_inner",
      "original_max_position_embeddings", "shared_intermediate_size", "num_experts_per_tok",
      "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "moe_k",
      "moe_intermediate_size", "n_shared_experts", "moe_num_shared_experts", "n_group",
      "topk_group", "first_k_dense_replace", "decoder_sparse_step", "mlp_only_layers",
      "moe_layers", "interleave_moe_layer_step", "moe_layer_interval", "moe_layer_start_index",
      "moe_layer_end_index", "routed_scaling_factor", "kv_lora_rank", "q_lora_rank",
      "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "attention_chunk_size", "floor_scale",
      "attn_scale", "rotary_dim", "shared_expert_intermediate_size", "intermediate_size_mlp",
    ]
    for family in Families.all {
      let fields = Self.smallest(family.modelType)
      for field in Array(fields.keys) + others where field != "model_type" {
        for number in numbers {
          var changed = fields
          changed[field] = number
          if let architecture = try? Architecture(name: "test", config: JSONObject(changed)) {
            _ = architecture.parameters
            _ = try? architecture.configText()
          }
        }
      }
    }
  }

  @Test func nothingIsIgnored() throws {
    for family in Families.all {
      var fields = Self.smallest(family.modelType)
      fields["flux_capacitor"] = .number(1.21)
      let error = #expect(throws: InputError.self) {
        try Architecture(name: "test", config: JSONObject(fields))
      }
      let text = error?.description ?? ""
      #expect(text.contains("flux_capacitor") && text.contains("1.21"), "\(text)")
    }
  }
}
