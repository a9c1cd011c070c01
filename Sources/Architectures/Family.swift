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
  /// Names of tensors in safetensors files.
  public let tensors: TensorNames
  /// `nil` where llama.cpp does not have the architecture.
  public let gguf: GGUFFamily?

  public init(
    modelType: String, className: String, tensors: TensorNames, gguf: GGUFFamily? = nil,
    read: @escaping @Sendable (_ name: String, _ config: ConfigReader) throws -> Architecture,
    write: @escaping @Sendable (Architecture) -> [String: JSONValue]
  ) {
    self.modelType = modelType
    self.className = className
    self.tensors = tensors
    self.gguf = gguf
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
  /// Whether the file's rows of queries and keys are reordered so that turned pairs are neighbours.
  public let interleavedRotary: Bool?

  public init(
    _ architecture: String, tensors: TensorNames = .gguf, interleavedRotary: Bool? = nil,
    config: @escaping @Sendable (GGUFMetadata) throws -> [String: JSONValue]
  ) {
    self.architecture = architecture
    self.tensors = tensors
    self.interleavedRotary = interleavedRotary
    self.config = config
  }
}

/// The families that are understood.
public enum Families {
  public static let all: [Family] = [
    .llama, .mistral, .qwen2, .qwen3,
  ]

  private static let byModelType = Dictionary(
    uniqueKeysWithValues: all.map { ($0.modelType, $0) })

  static let listed = "one of " + all.map(\.modelType).sorted().joined(separator: ", ")

  public static func named(_ modelType: String) throws -> Family {
    guard let family = byModelType[modelType] else {
      throw InputError(
        "model_type", problem: "\"\(modelType.prefix(60))\" is not supported",
        expected: listed)
    }
    return family
  }

  /// Families of a GGUF `general.architecture`. Some share one (llama, mistral): the first is meant.
  public static func ofGGUF(_ architecture: String) throws -> (Family, GGUFFamily) {
    for family in all {
      if let gguf = family.gguf, gguf.architecture == architecture { return (family, gguf) }
    }
    let known = Set(all.compactMap { $0.gguf?.architecture }).sorted()
    throw InputError(
      "general.architecture", problem: "\"\(architecture.prefix(60))\" is not supported",
      expected: "one of " + known.joined(separator: ", "))
  }
}
