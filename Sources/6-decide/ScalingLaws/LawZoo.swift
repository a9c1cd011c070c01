import Foundation
import Input
import Model

/// The published laws in `profiles/laws/`.
public enum LawZoo {
  /// What a command line's `LAW` means: a path to a law file, or a shipped law's name.
  public static func resolve(_ argument: String) throws -> ScalingLaw {
    if FileManager.default.fileExists(atPath: argument) {
      return try ScalingLaw(contentsOf: URL(fileURLWithPath: argument))
    }
    return try shipped(argument)
  }

  /// The law that says how mixtures of experts relate to dense models.
  public static func experts() throws -> ScalingLaw { try shipped("experts-joint") }

  /// A law of `profiles/laws/`, by name.
  static func shipped(_ argument: String) throws -> ScalingLaw {
    let folder = try Zoo.shipped().folder.deletingLastPathComponent()
      .appendingPathComponent("laws")
    let names = try names(in: folder)
    guard names.contains(argument) else {
      throw InputError(
        argument, problem: "is neither a file nor a shipped law",
        expected: "a law file, or one of " + names.joined(separator: ", "))
    }
    return try ScalingLaw(contentsOf: folder.appendingPathComponent(argument + ".json"))
  }

  private static func names(in folder: URL) throws -> [String] {
    let files: [String]
    do {
      files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw InputError(folder.path, problem: "cannot be read", expected: "the shipped laws")
    }
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
  }
}
