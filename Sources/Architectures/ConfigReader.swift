/// Reads a `config.json` and remembers which fields were asked for, so that one that nothing
/// understands is refused instead of ignored.
public final class ConfigReader {
  public let object: JSONObject
  /// Fields that were asked for, whether they are there or not.
  private var known: Set<String> = []
  /// Said to the user: what was assumed, what was taken of a larger model.
  public private(set) var notes: [String] = []

  /// Whether it is the `text_config` of a larger model, which leaves out sizes that transformers knows.
  public let isTextConfig: Bool

  public init(_ object: JSONObject, isTextConfig: Bool = false) {
    self.object = object
    self.isTextConfig = isTextConfig
  }

  public func note(_ text: String) { notes.append(text) }

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
    "_token_id", "_token_index", "_token_ids", "_dropout", "_pdrop", "_dropout_rate",
    "_dropout_prob", "_loss_coef",
  ]

  private static let harmless: Set<String> = [
    "architectures", "auto_map", "model_type", "torch_dtype", "dtype", "transformers_version",
    "initializer_range", "initializer_factor", "use_cache", "pretraining_tp", "dropout",
    "tokenizer_class", "task_specific_params", "id2label", "label2id", "num_labels",
    "problem_type", "return_dict", "output_attentions", "output_hidden_states", "is_decoder",
    "is_encoder_decoder", "is_llama_config", "use_flash_attn", "attn_implementation",
    "unsloth_fixed", "unsloth_version", "transformers.js_config", "keys_to_ignore_at_inference",
    "chunk_size_feed_forward", "max_length", "min_length", "temperature", "top_k", "top_p",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj", "cache_implementation", "name_or_path", "license", "language",
    "router_aux_loss_coef", "embd_pdrop", "training_config", "model_name",
  ]
}
