import Foundation
import Input
import Profiles

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
    let laws = try ProfileSet.shipped(.laws)
    let names = try laws.names()
    guard names.contains(argument) else {
      throw InputError(
        argument, problem: "is neither a file nor a shipped law",
        expected: "a law file, or one of " + names.joined(separator: ", "))
    }
    return try laws.profile(named: argument, as: .law) {
      try ScalingLaw(named: argument, file: $0, folder: laws.folder)
    }
  }

  /// The names of the shipped laws.
  public static func names() throws -> [String] { try ProfileSet.shipped(.laws).names() }
}
