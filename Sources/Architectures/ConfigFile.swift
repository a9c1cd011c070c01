import Foundation

// Hugging Face `config.json`, in and out.
//
// Sizes must be present. Other absent fields take the default that transformers gives the family.
// What we cannot execute, and what nothing here understands, is refused, not ignored.

extension Architecture {
  /// Reads a `config.json`, or the one in a folder.
  public init(configAt url: URL) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let file = exists && isFolder.boolValue ? url.appendingPathComponent("config.json") : url
    self = try within(file.path) {
      // A handle reads pipes as well: `dyno describe <(…)`.
      guard let handle = FileHandle(forReadingAtPath: file.path),
        let data = try? handle.readToEnd() ?? Data()
      else {
        throw InputError(
          problem: FileManager.default.fileExists(atPath: file.path)
            ? "cannot be read" : "does not exist", expected: "a config.json")
      }
      return try Architecture(
        name: Architecture.name(ofConfigAt: file), config: JSONObject(parsing: data))
    }
  }

  /// A config is called after its file, or after its folder where the file is `config.json`.
  private static func name(ofConfigAt file: URL) -> String {
    let stem = file.deletingPathExtension().lastPathComponent
    guard stem == "config" else { return stem }
    return file.standardizedFileURL.deletingLastPathComponent().lastPathComponent
  }

  /// Reads the fields of a `config.json`. Errors name the field.
  public init(name: String, config: JSONObject) throws {
    let reader = ConfigReader(config)
    self = try Architecture(name: name, config: reader)
  }

  /// The same, leaving to `config` what there is to tell the user.
  public init(name: String, config: ConfigReader) throws {
    guard let modelType = try config.string("model_type") else {
      throw InputError("model_type", problem: "is missing", expected: Families.listed)
    }
    let family = try Families.named(modelType)
    try config.noteStorage()
    let architecture = try family.read(name, config)
    try config.refuseUnknownFields()
    self = try architecture.validated()
  }

  /// The fields of a `config.json`, with RoPE as transformers 4 writes it and version 5 still reads.
  ///
  /// transformers 5 refuses `llama` configs whose head count does not divide the hidden size
  /// (surefire-1b: 36 heads, 2560), whatever `head_dim` says; version 4 reads them.
  ///
  public var config: [String: JSONValue] {
    guard let family = try? Families.named(modelType) else {
      preconditionFailure("\(modelType) is no family")
    }
    var fields = family.write(self)
    fields["model_type"] = .string(modelType)
    fields["architectures"] = .array([.string(family.className)])
    return fields
  }

  /// `config` as the text of a `config.json`, keys sorted.
  public func configText() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(config), as: UTF8.self) + "\n"
  }
}

extension ConfigReader {
  /// How weights are stored does not change what the model is.
  fileprivate func noteStorage() throws {
    for field in ["quantization_config", "quantization", "compression_config"] {
      guard let storage = try object(field) else { continue }
      let method: String =
        if let bits = try? storage.int("bits") { "\(bits) bits" } else {
          (try? storage.string("quant_method")) ?? field
        }
      note(
        "weights are stored quantised (\(method)); the architecture is described without that")
      return
    }
  }
}
