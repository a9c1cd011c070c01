import Foundation
import Input
import Profiles

/// The named architectures in `profiles/architectures/`.
public struct Zoo: Sendable {
  private let profiles: ProfileSet

  public init(folder: URL) { self.init(ProfileSet(folder: folder)) }

  private init(_ profiles: ProfileSet) { self.profiles = profiles }

  /// The zoo that ships with Dyno.
  public static func shipped() throws -> Zoo { Zoo(try ProfileSet.shipped(.architectures)) }

  public func names() throws -> [String] { try profiles.names() }

  public func architecture(named name: String) throws -> Architecture {
    try profiles.profile(named: name, as: .config) {
      try Architecture(name: name, config: JSONObject(parsing: $0))
    }
  }

  /// What a command line's `ARCH` means: a path to a config or its folder, or a zoo name.
  public static func resolve(_ argument: String) throws -> Architecture {
    if FileManager.default.fileExists(atPath: argument) {
      return try Architecture(configAt: URL(fileURLWithPath: argument))
    }
    return try named(argument)
  }

  /// What a data file of `folder` means by an architecture: a config or its folder below that
  /// folder, or a zoo name; of no folder, a zoo name.
  ///
  /// - Throws: `InputError`, also for a path that leads elsewhere.
  public static func resolve(_ name: String, below folder: URL?) throws -> Architecture {
    guard let folder else { return try named(name) }
    let path = try InputFile.path(name, below: folder)
    if FileManager.default.fileExists(atPath: path) {
      return try Architecture(configAt: URL(fileURLWithPath: path))
    }
    return try named(name)
  }

  /// The shipped architecture of that name.
  static func named(_ name: String) throws -> Architecture {
    guard !name.contains("/"), !name.hasSuffix(".json") else {
      throw InputError(
        name, problem: "does not exist", expected: "a config.json, its folder or a zoo name")
    }
    let zoo = try shipped()
    let names = try zoo.names()
    if names.contains(name) { return try zoo.architecture(named: name) }
    // As people write them: LLaMA-3.2-1B.
    guard let meant = names.first(where: { $0.lowercased() == name.lowercased() }) else {
      let nearest = NearMiss.of(name, in: names).map { "\($0)?" }
      throw InputError(
        name, problem: "is neither a file nor a zoo name",
        expected: nearest
          ?? "a config.json, its folder, or one of " + names.joined(separator: ", "))
    }
    return try zoo.architecture(named: meant)
  }
}
