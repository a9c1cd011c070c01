import Formats
import Foundation
import Input
import Machine
import Model

/// A model as a command line names it: a zoo name, a `config.json` or its folder, a GGUF file, a
/// checkpoint with safetensors, or a folder of Hugging Face's cache.
public struct ModelSubject: Sendable {
  public var architecture: Architecture
  /// What `ModelWeights.load` opens, where it has weights.
  public var weights: String?
  /// Storage of random weights where nothing else is asked for: the nearest to how the configuration
  /// says that weights are stored, `nil` where there is none.
  public var defaultDType: DType?
  /// Storage of its weights, whatever a run asks for; `nil`: what that asks for.
  public var storage: WeightFormat?
  /// What the user should know of how it was read.
  public var notes: [String] = []

  public init(_ architecture: Architecture) { self.architecture = architecture }

  public static let kinds =
    "a zoo name, a config.json, its folder, a GGUF file, a checkpoint's folder or one of a hub cache"

  /// - Throws: `InputError` where `argument` names nothing that is understood.
  public static func resolve(_ argument: String) throws -> ModelSubject {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: argument, isDirectory: &isFolder) else {
      return ModelSubject(try Zoo.resolve(argument))
    }
    guard isFolder.boolValue else { return try file(argument) }
    let folder = try HubCache.snapshot(of: argument)
    var subject = try self.folder(folder)
    if let name = HubCache.modelName(of: folder) { subject.architecture.name = name }
    return subject
  }

  /// What `ModelWeights.load` opens, of a model that must have weights.
  ///
  /// - Parameter argument: what it was resolved from.
  public func requiredWeights(_ argument: String) throws -> String {
    if let weights { return weights }
    throw InputError(
      argument, problem: "has no weights",
      expected: "a GGUF file, a safetensors file, or a folder with model.safetensors or its index")
  }

  private static func file(_ path: String) throws -> ModelSubject {
    let url = URL(fileURLWithPath: path)
    var subject: ModelSubject
    switch try ModelFileKind(at: path) {
    case .gguf:
      let file = try GGUF(MappedFile(url))
      subject = ModelSubject(try within(path) { try file.architecture() })
    case .safetensors:
      subject = try config(
        at: url.deletingLastPathComponent().appendingPathComponent("config.json").path,
        hasWeights: true)
    case nil:
      // A download that failed may be called so.
      if path.hasSuffix(".gguf") { _ = try ModelFileKind(of: MappedFile(url)) }
      return try config(at: path)
    }
    subject.weights = path
    return subject
  }

  private static func folder(_ path: String) throws -> ModelSubject {
    let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    let models = files.filter { $0.hasSuffix(".gguf") && !GGUFParts.isLaterPart($0) }
    if !files.contains("config.json"), let only = models.first {
      guard models.count == 1 else {
        throw InputError(
          path, problem: "holds \(models.count) GGUF files",
          expected: "one of them: \(models.prefix(5).joined(separator: ", "))")
      }
      return try file(path + "/" + only)
    }
    let hasWeights = files.contains {
      $0 == "model.safetensors" || $0 == "model.safetensors.index.json"
    }
    var subject = try config(at: path, hasWeights: hasWeights)
    if hasWeights {
      subject.weights = path
    } else if let other = files.first(where: { name in
      [".safetensors", ".gguf", ".bin", ".pt", ".pth"].contains { name.hasSuffix($0) }
    }) {
      subject.notes.append(
        "\(other) is not read (no model.safetensors and no index names it): weights are random")
    }
    return subject
  }

  /// Formats here for those of `quantization_config`.
  private static let nearest: [String: DType] = ["int8": .q8_0, "int4": .q4_0]

  /// - Parameter hasWeights: whether stored weights come with it.
  private static func config(at path: String, hasWeights: Bool = false) throws -> ModelSubject {
    let described = try Architecture.described(at: URL(fileURLWithPath: path))
    var subject = ModelSubject(described.architecture)
    subject.notes = described.notes
    if let storage = described.storedAs {
      subject.defaultDType = nearest[storage]
      let meant = subject.defaultDType.map { "\($0), the nearest format here" } ?? "bf16"
      if !hasWeights {
        subject.notes.append("random weights stand for them in \(meant)")
      } else if storage == "fp8" {
        subject.notes.append("they are expanded to bf16")
      }
    }
    return subject
  }
}

/// The layout of Hugging Face's cache: `models--org--name/snapshots/<revision>/`.
private enum HubCache {
  /// The snapshot that a model's folder stands for, else the folder itself.
  static func snapshot(of folder: String) throws -> String {
    let snapshots = folder + "/snapshots"
    guard FileManager.default.fileExists(atPath: snapshots) else { return folder }
    let main = try? InputFile.reference.text(at: folder + "/refs/main")
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let revisions = try FileManager.default.contentsOfDirectory(atPath: snapshots).sorted()
    if let main, revisions.contains(main) { return snapshots + "/" + main }
    guard revisions.count == 1 else {
      throw InputError(
        folder, problem: "holds \(revisions.count) snapshots and no refs/main that names one",
        expected: "the folder of a snapshot")
    }
    return snapshots + "/" + revisions[0]
  }

  /// `org/name` of a snapshot's folder.
  static func modelName(of folder: String) -> String? {
    let parts = URL(fileURLWithPath: folder).standardizedFileURL.pathComponents
    guard parts.count >= 3, parts[parts.count - 2] == "snapshots" else { return nil }
    let name = parts[parts.count - 3].components(separatedBy: "--")
    guard name.first == "models", name.count >= 2 else { return nil }
    return name.dropFirst().joined(separator: "/")
  }
}
