import Input
import Synchronization

/// The metadata of a GGUF file, and which tensors it has: what an architecture is read from.
public struct GGUFMetadata: Sendable {
  /// Values by key; arrays of numbers only where they are short.
  public let values: JSONObject
  /// Shapes by tensor name, outermost dimension first.
  public let shapes: [String: [Int]]
  /// `general.architecture`.
  public let architecture: String
  /// By how much each turned pair's wavelength is stretched, up to the original length and beyond,
  /// where tensors say so.
  public let rotaryFactors: RotaryFactors?

  public struct RotaryFactors: Sendable {
    public let short: [Double]
    public let long: [Double]

    public init(short: [Double], long: [Double]) {
      self.short = short
      self.long = long
    }
  }

  public init(
    values: JSONObject, shapes: [String: [Int]], rotaryFactors: RotaryFactors? = nil
  ) throws {
    self.values = values
    self.shapes = shapes
    self.rotaryFactors = rotaryFactors
    architecture = try values.required(
      "general.architecture", JSONObject.string, expected: "it in the metadata")
  }

  /// The value under the architecture's name: `block_count` is `llama.block_count`.
  public func value(_ key: String) -> JSONValue? { values[asked(key)] }
  public func int(_ key: String) throws -> Int? { try values.int(asked(key)) }
  public func double(_ key: String) throws -> Double? { try values.double(asked(key)) }
  public func bool(_ key: String) throws -> Bool? { try values.bool(asked(key)) }
  public func string(_ key: String) throws -> String? { try values.string(asked(key)) }

  /// The whole key, remembered.
  private func asked(_ key: String) -> String {
    let whole = "\(architecture).\(key)"
    known.keys.withLock { _ = $0.insert(whole) }
    return whole
  }

  private var known = KnownKeys()

  /// The same file with other values; what is asked of one counts for both.
  func replacing(values: [String: JSONValue]) throws -> GGUFMetadata {
    var other = try GGUFMetadata(
      values: JSONObject(values), shapes: shapes, rotaryFactors: rotaryFactors)
    other.known = known
    return other
  }

  private final class KnownKeys: Sendable {
    let keys = Mutex<Set<String>>([])
  }

  /// Refuses keys of the architecture that were never asked for, unless they change no forward pass or
  /// say that something is off.
  func refuseUnknownKeys() throws {
    let known = known.keys.withLock { $0 }
    for (key, value) in values.fields.sorted(by: { $0.key < $1.key })
    where key.hasPrefix(architecture + ".") && !known.contains(key) {
      let rest = String(key.dropFirst(architecture.count + 1))
      guard !Self.harmless.contains(rest), !value.saysNothing else { continue }
      throw InputError(
        key, problem: "\(value.kind) is not known for this architecture",
        expected: "a file of a model that is understood")
    }
  }

  private static let harmless: Set<String> = [
    "vocab_size", "tensor_data_layout", "rope.scaling.finetuned", "context_length",
    "rope.scaling.original_context_length", "attention.causal", "pooling_type",
    "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "expert_used_count",
    "rope.dimension_sections", "n_deepstack_layers", "leading_dense_block_count",
  ]
  public func size(_ key: String) throws -> Int {
    guard let value = try int(key) else {
      throw InputError(
        "\(architecture).\(key)", problem: "is missing", expected: "it in the metadata")
    }
    return value
  }

  /// Whether all layers have a tensor, or none has; layers that differ are refused.
  public func hasInAllLayers(_ tensor: String, layers: Int) throws -> Bool {
    let having = (0..<layers).filter { shapes["blk.\($0).\(tensor)"] != nil }
    guard having.isEmpty || having.count == layers else {
      let lacking = (0..<layers).first { shapes["blk.\($0).\(tensor)"] == nil }!
      throw InputError(
        "tensor blk.\(lacking).\(tensor)", problem: "is missing, while layer \(having[0]) has it",
        expected: "it in all layers or in none")
    }
    return !having.isEmpty
  }
}

extension TensorNames {
  /// llama.cpp's names, the same for all architectures.
  public static let gguf = ggufNames()

  /// llama.cpp's names, some under another one.
  public static func ggufNames(_ names: [WeightRole: String] = [:]) -> TensorNames {
    TensorNames.plain(
      names,
      defaults: [
        .embedding: "token_embd", .positions: "position_embd", .attentionNorm: "attn_norm",
        .query: "attn_q", .key: "attn_k", .value: "attn_v", .queryNorm: "attn_q_norm",
        .keyNorm: "attn_k_norm", .attentionOutput: "attn_output",
        .attentionOutputNorm: "post_attention_norm", .mlpNorm: "ffn_norm", .gate: "ffn_gate",
        .up: "ffn_up", .down: "ffn_down", .mlpOutputNorm: "post_ffw_norm",
        .finalNorm: "output_norm", .head: "output", .queryUp: "attn_q_b",
        .keyValueDown: "attn_kv_a_mqa", .keyValueNorm: "attn_kv_a_norm", .router: "ffn_gate_inp",
        .routerCorrection: "exp_probs_b", .sharedScale: "ffn_gate_inp_shexp",
        .sharedGate: "ffn_gate_shexp", .sharedUp: "ffn_up_shexp", .sharedDown: "ffn_down_shexp",
      ], layers: ("blk.", "."),
      surplus: ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]
    ).stackedExperts().latent()
  }

  /// The names of most models in transformers.
  public static let huggingFace = huggingFaceNames()

  /// What older versions of transformers saved and compute anew: frequencies and causal masks.
  static let buffers = [
    ".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias",
    ".attention.masked_bias",
  ]

  /// Transformers' names, some under another one.
  public static func huggingFaceNames(
    _ names: [WeightRole: String] = [:], normOffset: Float = 0
  ) -> TensorNames {
    .plain(
      names,
      defaults: [
        .embedding: "model.embed_tokens", .attentionNorm: "input_layernorm",
        .query: "self_attn.q_proj", .key: "self_attn.k_proj", .value: "self_attn.v_proj",
        .queryNorm: "self_attn.q_norm", .keyNorm: "self_attn.k_norm",
        .attentionOutput: "self_attn.o_proj",
        .attentionOutputNorm: "post_attention_layernorm", .mlpNorm: "post_attention_layernorm",
        .gate: "mlp.gate_proj", .up: "mlp.up_proj", .down: "mlp.down_proj",
        .mlpOutputNorm: "post_feedforward_layernorm", .finalNorm: "model.norm",
        .head: "lm_head",
      ], layers: ("model.layers.", "."), normOffset: normOffset,
      surplus: buffers + [
        // Heads that predict further tokens.
        "mtp.", "model.mtp_layers.", "model.mtp_block.", "model.mtp_emb_norm.",
        "model.mtp_hidden_norm.", "model.mtp_linear_proj.",
      ])
  }
}

extension JSONValue {
  /// Off, zero or empty.
  fileprivate var saysNothing: Bool {
    switch self {
    case .null, .bool(false), .integer(0), .number(0), .string("none"): true
    case .array(let values): values.isEmpty
    default: false
    }
  }
}
