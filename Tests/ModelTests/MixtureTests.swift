import Foundation
import Input
import Model
import Testing

/// What configurations and metadata of mixtures of experts and latent attention mean.
@Suite struct MixtureTests {
  private func architecture(
    _ modelType: String, _ changes: [String: JSONValue] = [:]
  ) throws -> Architecture {
    try Architecture(
      name: "test",
      config: JSONObject(FamilyTests.smallest(modelType).merging(changes) { $1 }))
  }

  private func sparse(_ architecture: Architecture) -> [Int] {
    architecture.layers.indices.filter { architecture.layers[$0].experts != nil }
  }

  /// Eight layers, counted from 0.
  @Test(arguments: [
    ("mixtral", [:], Array(0..<8)), ("deepseek_v2", [:], Array(0..<8)),
    ("deepseek_v3", [:], Array(3..<8)), ("glm4_moe", [:], Array(1..<8)),
    ("ernie4_5_moe", [:], Array(1..<8)),
    ("deepseek_v3", ["first_k_dense_replace": JSONValue.integer(8)], []),
    ("qwen2_moe", ["decoder_sparse_step": .integer(3)], [2, 5]),
    (
      "qwen3_moe",
      ["decoder_sparse_step": .integer(2), "mlp_only_layers": .array([.integer(3)])], [1, 5, 7]
    ),
    ("llama4_text", ["interleave_moe_layer_step": .integer(2)], [1, 3, 5, 7]),
    ("llama4_text", ["moe_layers": .array([.integer(0), .integer(6)])], [0, 6]),
    (
      "ernie4_5_moe",
      [
        "moe_layer_start_index": .integer(2), "moe_layer_end_index": .integer(6),
        "moe_layer_interval": .integer(2),
      ], [3, 5]
    ),
  ])
  func layersWithExperts(modelType: String, changes: [String: JSONValue], expected: [Int]) throws {
    #expect(sparse(try architecture(modelType, changes)) == expected)
  }

  @Test func routers() throws {
    func router(
      _ modelType: String, _ changes: [String: JSONValue] = [:]
    ) throws -> Experts.Router {
      try #require(try architecture(modelType, changes).firstExperts).router
    }
    #expect(try router("mixtral") == .init(renormalises: true))
    #expect(try router("olmoe") == .init(renormalises: false))
    #expect(try router("qwen3_moe", ["norm_topk_prob": .bool(true)]).renormalises)
    #expect(try router("granitemoe") == .init(renormalises: true))
    #expect(try router("gpt_oss") == .init(renormalises: true, hasBias: true))
    #expect(
      try router("deepseek_v3")
        == .init(
          scoring: .sigmoid, renormalises: true, scale: 2.5, hasCorrection: true,
          groups: .init(count: 8, active: 4, best: 2)))
    #expect(try router("deepseek_v3", ["n_group": .integer(1)]).groups == nil)
    #expect(try router("deepseek_v2") == .init(renormalises: false))
    #expect(
      try router(
        "deepseek_v2",
        [
          "topk_method": .string("group_limited_greedy"), "n_group": .integer(8),
          "topk_group": .integer(3), "routed_scaling_factor": .number(16),
        ]) == .init(renormalises: false, scale: 16, groups: .init(count: 8, active: 3, best: 1)))
    #expect(
      try router("glm4_moe") == .init(scoring: .sigmoid, renormalises: true, hasCorrection: true))
    #expect(
      try router("minimax_m2")
        == .init(scoring: .sigmoid, renormalises: true, hasCorrection: true))
    #expect(try router("ernie4_5_moe") == .init(renormalises: true, hasCorrection: true))
    #expect(
      try router("llama4_text")
        == .init(scoring: .sigmoid, renormalises: false, scalesInput: true))
  }

  @Test func sharedExperts() throws {
    func shared(
      _ modelType: String, _ changes: [String: JSONValue] = [:]
    ) throws -> Experts.Shared? {
      try architecture(modelType, changes).firstExperts?.shared
    }
    #expect(try shared("qwen2_moe") == .init(intermediateSize: 5632, isScaled: true))
    #expect(try shared("qwen3_moe") == nil)
    #expect(
      try shared("deepseek_v3", ["n_shared_experts": .integer(3)])
        == .init(intermediateSize: 3 * 2048))
    #expect(try shared("deepseek_v3", ["n_shared_experts": .null]) == nil)
    #expect(try shared("llama4_text") == .init(intermediateSize: 512))
    #expect(
      try shared("granitemoehybrid", ["num_local_experts": .integer(8)])
        == .init(intermediateSize: 512))
  }

  /// `mscale_all_dim` scales scores and, with `mscale`, rotations.
  @Test func yarnOfLatentAttention() throws {
    let scaling: JSONValue = .object([
      "type": .string("yarn"), "factor": .number(40), "mscale": .number(0.707),
      "mscale_all_dim": .number(0.707), "original_max_position_embeddings": .integer(4096),
    ])
    let model = try architecture("deepseek_v2", ["rope_scaling": scaling])
    let attention = try #require(model.firstLatentAttention)
    let magnitude = 0.1 * 0.707 * log(40.0) + 1
    #expect(abs(attention.scoreScale - magnitude * magnitude / 192.0.squareRoot()) < 1e-15)
    #expect(model.rotaries[0].attentionFactor == 1)
    #expect(attention.rotary.interleaved && attention.rotary.dimensions == 64)
  }

  @Test func llama4Attention() throws {
    let layers = try architecture("llama4_text").layers
    #expect(layers.map { $0.attention?.chunk } == [8192, 8192, 8192, nil, 8192, 8192, 8192, nil])
    let (rotating, still) = (layers[0].attention!, layers[3].attention!)
    #expect(rotating.rotary != nil && rotating.temperature == nil)
    #expect(rotating.queryKeyNorm?.isAfterRotation == true)
    #expect(rotating.queryKeyNorm?.norm.hasWeight == false)
    #expect(still.rotary == nil && still.queryKeyNorm == nil)
    #expect(still.temperature == .init(beta: 0.1, positions: 8192, offset: 1))
  }

  @Test func gptOSSByDefault() throws {
    let model = try architecture("gpt_oss")
    guard case .yarn(let yarn)? = model.rotaries[0].scaling else {
      Issue.record("no YaRN")
      return
    }
    #expect(yarn.factor == 32 && !yarn.truncates && yarn.originalMaxPositions == 4096)
    #expect(
      model.layers.map { $0.attention?.window } == [128, nil, 128, nil, 128, nil, 128, nil])
    let attention = try #require(model.firstAttention)
    #expect(attention.hasSinks && attention.inputBias && attention.outputBias)
    #expect(model.firstExperts?.activation == .clampedSwiGLU && model.firstExperts!.hasBias)
  }

  /// What would be another model is refused in one line that names the field.
  @Test(arguments: [
    ("deepseek_v2", "topk_method", JSONValue.string("noaux_tc")),
    ("deepseek_v2", "scoring_func", .string("sigmoid")),
    ("deepseek_v2", "norm_topk_prob", .bool(true)), ("deepseek_v3", "moe_layer_freq", .integer(2)),
    ("deepseek_v3", "scoring_func", .string("softmax")), ("deepseek_v3", "n_group", .integer(7)),
    ("deepseek_v3", "topk_group", .integer(9)), ("deepseek_v3", "mlp_bias", .bool(true)),
    ("deepseek_v3", "num_experts_per_tok", .integer(1000)), ("olmoe", "clip_qkv", .number(8)),
    ("gpt_oss", "swiglu_limit", .number(5)), ("gpt_oss", "hidden_act", .string("gelu")),
    ("mixtral", "num_local_experts", .integer(0)), ("ernie4_5_moe", "use_bias", .bool(true)),
    ("minimax_m2", "scoring_func", .string("softmax")),
    ("minimax_m2", "attn_type_list", .array([.integer(0)])),
    ("qwen2_moe", "decoder_sparse_step", .integer(0)),
    ("qwen3_moe", "mlp_only_layers", .array([.integer(8)])),
    ("llama4_text", "layer_types", .array([.string("sliding_attention")])),
    ("llama4_text", "interleave_moe_layer_step", .integer(0)),
  ])
  func refused(modelType: String, field: String, value: JSONValue) throws {
    let error = #expect(throws: InputError.self) {
      try architecture(modelType, [field: value])
    }
    let text = error?.description ?? ""
    // Counts are named as most families name them.
    let names = [field, field == "num_local_experts" ? "num_experts" : field]
    #expect(names.contains { text.contains($0) } && !text.contains("\n"), "\(text)")
  }

  private func gguf(
    _ name: String, _ changes: [String: JSONValue] = [:], tensors: [String: [Int]] = [:]
  ) throws -> Architecture {
    let experts: [String: JSONValue] = [
      "expert_count": .integer(16), "expert_used_count": .integer(4),
      "expert_feed_forward_length": .integer(24),
    ]
    return try GGUFFamily.read(
      GGUFMetadataTests.metadata(name, experts.merging(changes) { $1 }, tensors: tensors),
      name: "test"
    ).architecture
  }

  @Test func metadata() throws {
    let mixtral = try gguf("llama")
    #expect(mixtral.modelType == "mixtral" && mixtral.firstExperts?.count == 16)
    #expect(mixtral.firstAttention?.rotary?.interleaved == true)
    #expect(try gguf("granitemoe").modelType == "granitemoe")
    let shared = try gguf("granitemoe", ["expert_shared_feed_forward_length": .integer(48)])
    #expect(shared.modelType == "granitemoehybrid")
    #expect(shared.firstExperts?.shared?.intermediateSize == 48)
    let oss = try gguf("gpt-oss", ["attention.sliding_window": .integer(8)])
    #expect(oss.layers.map { $0.attention?.window } == [8, nil, 8, nil, 8, nil])
    #expect(try gguf("qwen3moe").firstExperts?.router.renormalises == true)
    #expect(try gguf("qwen2moe").firstExperts?.router.renormalises == false)
    let glm = try gguf(
      "glm4moe", ["nextn_predict_layers": .integer(1), "leading_dense_block_count": .integer(2)])
    #expect(glm.layers.count == 5 && sparse(glm) == [2, 3, 4])
    // A dense family does not take experts.
    #expect(throws: InputError.self) { try gguf("qwen3") }
    #expect(throws: InputError.self) { try gguf("llama", ["expert_gating_func": .integer(2)]) }
    #expect(throws: InputError.self) {
      try gguf(
        "llama4", ["interleave_moe_layer_step": .integer(1), "expert_gating_func": .integer(9)])
    }
  }

  @Test func metadataOfLatentAttention() throws {
    let sizes: [String: JSONValue] = [
      "attention.kv_lora_rank": .integer(32), "rope.dimension_count": .integer(8),
      "leading_dense_block_count": .integer(1), "expert_shared_count": .integer(2),
      "expert_weights_scale": .number(2.5),
    ]
    let absorbed = sizes.merging([
      "attention.key_length": .integer(40), "attention.value_length": .integer(32),
      "attention.key_length_mla": .integer(24), "attention.value_length_mla": .integer(12),
      "attention.head_count_kv": .integer(1), "attention.q_lora_rank": .integer(20),
      "expert_gating_func": .integer(2), "expert_group_count": .integer(4),
      "expert_group_used_count": .integer(2), "expert_weights_norm": .bool(true),
    ]) { $1 }
    let third = try gguf("deepseek2", absorbed)
    #expect(third.modelType == "deepseek_v3" && sparse(third) == [1, 2, 3, 4, 5])
    let attention = try #require(third.firstLatentAttention)
    #expect(attention.plainWidth == 16 && attention.valueWidth == 12)
    #expect(attention.queryRank == 20 && attention.rank == 32)
    #expect(third.firstExperts?.router.groups == .init(count: 4, active: 2, best: 2))
    #expect(third.firstExperts?.shared?.intermediateSize == 48)
    let scaled = sizes.merging([
      "attention.key_length": .integer(24), "attention.value_length": .integer(12),
      "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .number(40),
      "rope.scaling.original_context_length": .integer(4096),
      "rope.scaling.yarn_log_multiplier": .number(Double(Float(0.0707))),
    ]) { $1 }
    let second = try gguf("deepseek2", scaled)
    #expect(second.modelType == "deepseek_v2" && second.rotaries[0].attentionFactor == 1)
    let magnitude = 0.1 * 0.707 * log(40.0) + 1
    let scale = try #require(second.firstLatentAttention).scoreScale
    #expect(abs(scale - magnitude * magnitude / 24.0.squareRoot()) < 1e-15)
  }
}
