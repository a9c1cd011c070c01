import Input

/// Reads a `config.json` and remembers which fields were asked for, so that one that nothing
/// understands is refused instead of ignored.
public final class ConfigReader {
  public let object: JSONObject
  /// Fields that were asked for, whether they are there or not.
  private var known: Set<String> = []
  /// Said to the user: what was assumed, what was taken of a larger model.
  public private(set) var notes: [String] = []
  /// How `quantization_config` says that weights are stored: `fp8`, `int8`, `int4`, `nf4`, `mxfp4` and
  /// the like, or the method's name where it does not say how many bits. `nil`: not quantised.
  public internal(set) var storedAs: String?

  /// Whether it is the `text_config` of a larger model, which leaves out sizes that transformers knows.
  public let isTextConfig: Bool

  public init(_ object: JSONObject, isTextConfig: Bool = false) {
    self.object = object
    self.isTextConfig = isTextConfig
  }

  public func note(_ text: String) { notes.append(text) }

  /// Takes over what the reader of a part has to say.
  func take(_ part: ConfigReader) {
    notes += part.notes
    storedAs = storedAs ?? part.storedAs
  }

  /// Declares fields whose values change nothing here.
  public func ignore(_ fields: String...) { known.formUnion(fields) }

  public func has(_ field: String) -> Bool {
    known.insert(field)
    return object[field] != nil
  }

  public func isNull(_ field: String) -> Bool {
    known.insert(field)
    return object.isNull(field)
  }

  public func int(_ field: String) throws -> Int? {
    known.insert(field)
    return try object.int(field)
  }

  public func double(_ field: String) throws -> Double? {
    known.insert(field)
    return try object.double(field)
  }

  public func bool(_ field: String) throws -> Bool? {
    known.insert(field)
    return try object.bool(field)
  }

  public func string(_ field: String) throws -> String? {
    known.insert(field)
    return try object.string(field)
  }

  public func array(_ field: String) throws -> [JSONValue]? {
    known.insert(field)
    return try object.array(field)
  }

  public func object(_ field: String) throws -> JSONObject? {
    known.insert(field)
    return try object.object(field)
  }

  /// A size that must be there, unless it has a default.
  public func size(_ field: String, default value: Int? = nil) throws -> Int {
    guard let value = try int(field) ?? value else {
      throw InputError(field, problem: "is missing", expected: "a positive integer")
    }
    return value
  }

  /// The first of several spellings that is there.
  public func size(_ field: String, or other: String) throws -> Int {
    if let value = try int(field) { return value }
    guard let value = try int(other) else {
      throw InputError(field, problem: "is missing", expected: "a positive integer")
    }
    return value
  }

  /// Refuses a field whose value is not the one that is supported; absent counts as that.
  public func demand(_ field: String, _ value: JSONValue) throws {
    known.insert(field)
    guard let given = object[field], given != value else { return }
    if case .number(let wanted) = value, case .integer(let given) = given, Double(given) == wanted {
      return
    }
    throw InputError(field, problem: "\(given.kind) is not supported", expected: value.kind)
  }

  /// Refuses what was never asked for, unless it is known to change nothing or says nothing.
  public func refuseUnknownFields() throws {
    for (field, value) in object.fields.sorted(by: { $0.key < $1.key })
    where !known.contains(field) && !Self.isHarmless(field) && !Self.isNeutral(value) {
      throw InputError(
        field, problem: "\(value.kind) is not known for this model_type",
        expected: "one of " + known.sorted().joined(separator: ", "))
    }
  }

  /// What says that something is off.
  private static func isNeutral(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool(false): true
    case .array(let values): values.isEmpty
    case .object(let fields): fields.isEmpty
    default: false
    }
  }

  /// Fields of training, generation, tokens and storage, which change no forward pass.
  private static func isHarmless(_ field: String) -> Bool {
    harmless.contains(field) || field.hasPrefix("_")
      || harmlessEndings.contains { field.hasSuffix($0) }
  }

  private static let harmlessEndings = [
    "_token_id", "_token_index", "_token_ids", "_dropout", "_pdrop", "_dropout_rate", "_drop_prob",
    "_dropout_prob", "_drop", "_loss_coef", "_loss_weight", "_init_std", "_init_method",
  ]

  private static let harmless: Set<String> = [
    // What it is, where it comes from, how it is stored.
    "architectures", "auto_map", "model_type", "torch_dtype", "dtype", "transformers_version",
    "tokenizer_class", "name_or_path", "model_name", "license", "language", "cache_implementation",
    "unsloth_fixed", "unsloth_version", "transformers.js_config", "keys_to_ignore_at_inference",
    "torchscript", "use_bfloat16", "tf_legacy_loss",
    "model_max_length", "max_sequence_length", "seq_length", "tokenizer_name", "vocab_file",
    "is_llama_config", "cpu_offload", "low_cpu_mem_usage", "mlx_lm_version", "base_model",
    // How it is executed.
    "use_cache", "use_flash_attn", "use_flash_attention", "use_flash_attention_2", "flash_attn",
    "use_memory_efficient_attention", "attn_implementation", "attention_implementation",
    "pretraining_tp", "pretraining_pp", "tensor_parallel_degree", "sequence_parallel",
    "use_cache_quantization", "use_cache_kernel", "use_fused_rms_norm", "fused_rms_norm",
    "use_fused_rope", "fuse_rope", "fuse_rms_norm", "fuse_linear", "fuse_softmax_mask", "fuse_ln",
    "fuse_swiglu", "fuse_attention_qkv", "fuse_attention_ffn", "use_fast_ln", "use_recompute",
    "recompute", "gradient_checkpointing", "chunk_size_feed_forward", "output_attentions",
    "output_hidden_states", "output_past", "return_dict", "return_dict_in_generate",
    "output_scores",
    "micro_batch_size", "virtual_pp_degree", "ep_size", "for_llm_compressor",
    // How it was trained.
    "initializer_range", "initializer_factor", "init_std", "init_method", "init_method_std",
    "initializer_scale", "dropout", "dropout_rate", "dropout_p", "resid_pdrop", "embd_pdrop",
    "neftune_noise_alpha", "training_config", "z_loss", "router_aux_loss_coef", "label_smoothing",
    "learning_rate", "weight_decay", "warmup_steps", "max_steps", "optimizer",
    "router_jitter_noise", "output_router_logits", "aux_loss_alpha", "seq_aux", "moe_capacity",
    "loss_type", "attention_probs_dropout", "use_sequence_parallel",
    "freeze_embeddings",
    // Generation and tokens.
    "max_length", "min_length", "max_new_tokens", "temperature", "top_k", "top_p", "typical_p",
    "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "num_beams",
    "num_beam_groups", "num_return_sequences", "do_sample", "early_stopping", "diversity_penalty",
    "bad_words_ids", "begin_suppress_tokens", "suppress_tokens", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
    "remove_invalid_values", "generation_config", "chat_template", "prefix", "additional_tokens",
    "tie_encoder_decoder", "is_decoder", "is_encoder_decoder", "add_bos_token", "add_eos_token",
    "pad_token", "eos_token", "bos_token", "pad_vocab_size_multiple",
    // Other heads and parts.
    "task_specific_params", "finetuning_task", "id2label", "label2id", "num_labels",
    "problem_type", "summary_activation", "summary_first_dropout", "summary_proj_to_labels",
    "summary_type", "summary_use_proj", "classifier_dropout", "pixel_shuffle_factor",
    // Layers that predict further tokens.
    "num_nextn_predict_layers", "num_mtp_layers", "num_mtp_modules", "mtp_transformer_layers",
    "use_mtp",
    "perceiver_config", "use_resampler", "vision_feature_layer",
  ]
}
