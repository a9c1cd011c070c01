import Foundation
import Input

// Hugging Face `config.json`, in and out.
//
// Sizes must be present. Other absent fields take the default that transformers gives the family.
// What we cannot execute, and what nothing here understands, is refused, not ignored.

extension Architecture {
  /// Reads a `config.json`, or the one in a folder.
  public init(configAt url: URL) throws { self = try Self.described(at: url).architecture }

  /// The same with what there is to tell the user.
  public static func described(
    at url: URL
  ) throws -> (architecture: Architecture, storedAs: String?, notes: [String]) {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let file = exists && isFolder.boolValue ? url.appendingPathComponent("config.json") : url
    return try within(file.path) {
      let data = try InputFile.config.data(at: file.path)
      let config = ConfigReader(try JSONObject(parsing: data))
      let architecture = try Architecture(name: name(ofConfigAt: file), config: config)
      return (architecture, config.storedAs, config.notes)
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
    try config.noteStorage()
    if let text = try config.textConfig(of: modelType) {
      let family = try Families.named(text.modelType)
      config.note("of this \(modelType) model, only its text model is taken (\(family.modelType))")
      try text.config.noteStorage()
      self = try Architecture(name: name, family: family, config: text.config)
      config.take(text.config)
    } else {
      self = try Architecture(name: name, family: Families.named(modelType), config: config)
    }
  }

  private init(name: String, family: Family, config: ConfigReader) throws {
    let architecture = try family.read(name, config)
    try config.refuseUnknownFields()
    self = try architecture.validated()
  }

  /// The fields of a `config.json` that is read as this architecture: its family's, or, where layers
  /// differ in ways that the family has no fields for, those of `shishulm`, our own.
  ///
  /// RoPE is as transformers 4 writes it and version 5 still reads. transformers 5 refuses `llama`
  /// configs whose head count does not divide the hidden size (surefire-1b: 36 heads, 2560), whatever
  /// `head_dim` says; version 4 reads them.
  ///
  /// - Precondition: there is one (`writtenConfig` throws where not): what was read from a configuration
  ///   has one, what was changed since may not.
  public var config: [String: JSONValue] {
    do {
      return try writtenConfig()
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// `config`, or an `InputError` where no configuration says what the architecture is.
  public func writtenConfig() throws -> [String: JSONValue] {
    for family in [try Families.named(modelType), .shishulm] {
      if let fields = fields(by: family) { return fields }
    }
    throw InputError(
      name, problem: "has layers for which \(modelType) configurations have no fields",
      expected: "what \(modelType) or shishulm can say (docs/architectures.md)")
  }

  /// What `family` writes, if it reads the same again.
  private func fields(by family: Family) -> [String: JSONValue]? {
    let isPlain =
      isUniform && !layers.sharesWeights
      && layers.kinds.allSatisfy { $0.attention != nil && $0.mlp != nil }
    guard isPlain || family.describesEachLayer else { return nil }
    var fields = family.write(self)
    fields["model_type"] = .string(family.modelType)
    fields["architectures"] = .array([.string(family.className)])
    fields["torch_dtype"] = .string("bfloat16")
    guard
      var again = try? Architecture(
        name: name, family: family, config: ConfigReader(JSONObject(fields)))
    else { return nil }
    again.modelType = modelType
    return again.withoutPairing == withoutPairing ? fields : nil
  }

  /// Which elements of a head are turned together is a file's choice: rows of queries and keys are
  /// ordered for it.
  private var withoutPairing: Architecture {
    var other = self
    other.layers.modifyKinds {
      $0.attention?.rotary?.interleaved = false
      $0.latentAttention?.rotary.interleaved = false
    }
    return other
  }

  /// `config` as the text of a `config.json`, keys sorted.
  public func configText() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(writtenConfig()), as: UTF8.self) + "\n"
  }
}
