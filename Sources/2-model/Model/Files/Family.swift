import Input

/// One family of models as transformers names it: its `config.json`, and what files call its tensors.
///
/// A family is one file in `Families/` and one line in `Families.all`.
public struct Family: Sendable {
  /// `model_type` in `config.json`.
  public let modelType: String
  /// The class that executes it in transformers, as `architectures` names it.
  public let className: String
  /// Reads the fields of a `config.json`. Errors name the field.
  public let read: @Sendable (_ name: String, _ config: ConfigReader) throws -> Architecture
  /// The fields of a `config.json` that `read` makes the same architecture of, without
  /// `architectures` and `model_type`.
  public let write: @Sendable (Architecture) -> [String: JSONValue]
  /// Whether layers may differ in their sizes, lack parts or have others than attention and an MLP.
  public let describesEachLayer: Bool
  /// Names of tensors in safetensors files.
  public let tensors: TensorNames
  /// `nil` where llama.cpp does not have the architecture.
  public let gguf: GGUFFamily?

  public init(
    modelType: String, className: String, tensors: TensorNames, gguf: GGUFFamily? = nil,
    describesEachLayer: Bool = false,
    read: @escaping @Sendable (_ name: String, _ config: ConfigReader) throws -> Architecture,
    write: @escaping @Sendable (Architecture) -> [String: JSONValue]
  ) {
    self.modelType = modelType
    self.className = className
    self.tensors = tensors
    self.gguf = gguf
    self.describesEachLayer = describesEachLayer
    self.read = read
    self.write = write
  }
}

/// A family in GGUF files.
public struct GGUFFamily: Sendable {
  /// `general.architecture`, before the dot of its keys.
  public let architecture: String
  /// The metadata as the fields of a `config.json`, which the family then reads.
  public let config: @Sendable (GGUFMetadata) throws -> [String: JSONValue]
  public let tensors: TensorNames
  /// Whether a file of this architecture is of the family, where families share one.
  public let matches: @Sendable (GGUFMetadata) throws -> Bool
  /// Whether the file's rows of queries and keys are reordered so that turned pairs are neighbours.
  public let interleavedRotary: Bool?

  public init(
    _ architecture: String, tensors: TensorNames = .gguf, interleavedRotary: Bool? = nil,
    matches: @escaping @Sendable (GGUFMetadata) throws -> Bool = { _ in true },
    config: @escaping @Sendable (GGUFMetadata) throws -> [String: JSONValue]
  ) {
    self.architecture = architecture
    self.tensors = tensors
    self.interleavedRotary = interleavedRotary
    self.matches = matches
    self.config = config
  }
}

/// The families that are understood.
public enum Families {
  public static let all: [Family] = [
    .llama, .mistral, .ministral3, .qwen2, .qwen3, .phi3, .gemma2, .gemma3, .olmo2, .olmo3,
    .smollm3, .granite, .graniteHybrid, .minicpm, .glm4, .cohere2, .stablelm, .exaone4, .ernie,
    .seedOSS, .arcee, .mixtral, .minimaxM2, .qwen2MoE, .qwen3MoE, .olmoe, .gptOSS, .deepSeekV2,
    .deepSeekV3, .glm4MoE, .graniteMoE, .ernieMoE, .llama4,
    .gptNeoX, .gpt2, .nemotron, .nemotronNAS, .deci, .shishulm,
  ]

  private static let byModelType = Dictionary(
    uniqueKeysWithValues: all.map { ($0.modelType, $0) })

  static let listed =
    "one of " + all.map(\.modelType).sorted().joined(separator: ", ")
    + ", or around a text model of these, one of "
    + multimodal.keys.sorted().joined(separator: ", ")

  public static func named(_ modelType: String) throws -> Family {
    guard let family = byModelType[aliases[modelType]?.modelType ?? modelType] else {
      throw InputError(
        "model_type", problem: "\"\(modelType.prefix(60))\" is not supported",
        expected: listed)
    }
    return family
  }

  /// The family of a GGUF file. Some share a `general.architecture`: the first that matches is meant.
  public static func ofGGUF(_ metadata: GGUFMetadata) throws -> (Family, GGUFFamily) {
    for family in all {
      if let gguf = family.gguf, gguf.architecture == metadata.architecture,
        try gguf.matches(metadata)
      {
        return (family, gguf)
      }
    }
    let known = Set(all.compactMap { $0.gguf?.architecture }).sorted()
    throw InputError(
      "general.architecture",
      problem: "\"\(metadata.architecture.prefix(60))\" is not supported",
      expected: "one of " + known.joined(separator: ", "))
  }
}
