import Foundation
import Input

/// The named architectures in `profiles/architectures/`.
public struct Zoo: Sendable {
  public let folder: URL

  public init(folder: URL) { self.folder = folder }

  /// The zoo that ships with Dyno: under `$DYNO_PROFILES`, else `profiles/` beside the executable
  /// or any folder above it (a checkout, an installed `share/dyno`), else below the working folder.
  public static func shipped() throws -> Zoo {
    if let path = ProcessInfo.processInfo.environment["DYNO_PROFILES"] {
      return Zoo(folder: URL(fileURLWithPath: path).appendingPathComponent("architectures"))
    }
    var roots = [URL(fileURLWithPath: FileManager.default.currentDirectoryPath)]
    var folder = (Bundle.main.executableURL ?? roots[0]).resolvingSymlinksInPath()
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      roots.append(folder)
      roots.append(folder.appendingPathComponent("share/dyno"))
    }
    for root in roots.dropFirst() + roots.prefix(1) {
      let candidate = root.appendingPathComponent("profiles/architectures")
      if FileManager.default.fileExists(atPath: candidate.path) { return Zoo(folder: candidate) }
    }
    throw InputError(
      "profiles/architectures", problem: "not found near the executable",
      expected: "a checkout, or DYNO_PROFILES")
  }

  public func names() throws -> [String] {
    guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      throw InputError(folder.path, problem: "cannot be read", expected: "a folder of configs")
    }
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
  }

  public func architecture(named name: String) throws -> Architecture {
    try Architecture(configAt: folder.appendingPathComponent(name + ".json"))
  }

  /// What a command line's `ARCH` means: a path to a config or its folder, or a zoo name.
  public static func resolve(_ argument: String) throws -> Architecture {
    if FileManager.default.fileExists(atPath: argument) {
      return try Architecture(configAt: URL(fileURLWithPath: argument))
    }
    return try named(argument)
  }

  /// What a data file of `folder` means by an architecture: a config or its folder below that
  /// folder, or a zoo name.
  ///
  /// - Throws: `InputError`, also for a path that leads elsewhere.
  public static func resolve(_ name: String, below folder: URL) throws -> Architecture {
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
    guard names.contains(name) else {
      throw InputError(
        name, problem: "is neither a file nor a zoo name",
        expected: "a config.json, its folder, or one of " + names.joined(separator: ", "))
    }
    return try zoo.architecture(named: name)
  }
}
