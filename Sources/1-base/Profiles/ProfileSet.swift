import Foundation
import Input

/// Profiles of one kind by name: the `.json` files of a folder, or what was compiled in.
public struct ProfileSet: Sendable {
  /// A folder of `profiles/`.
  public enum Kind: String, Sendable {
    case architectures, devices, laws
  }

  private enum Place {
    case folder(URL)
    case executable(Kind)
  }

  private let place: Place

  public init(folder: URL) { place = .folder(folder) }

  private init(compiledIn kind: Kind) { place = .executable(kind) }

  /// The profiles that ship with Dyno: those of `$DYNO_PROFILES`, else those of the checkout that the
  /// executable lies in, which may be newer than it, else those that were compiled in.
  ///
  /// - Throws: `InputError` where `$DYNO_PROFILES` has no folder of that kind.
  public static func shipped(_ kind: Kind) throws -> ProfileSet {
    if let root = ProcessInfo.processInfo.environment["DYNO_PROFILES"] {
      let folder = URL(fileURLWithPath: root).appendingPathComponent(kind.rawValue)
      guard isFolder(folder) else {
        throw InputError(
          "DYNO_PROFILES", problem: "has no folder \(kind.rawValue)",
          expected: "a folder like the checkout's profiles")
      }
      return ProfileSet(folder: folder)
    }
    return checkout.map { ProfileSet(folder: $0.appendingPathComponent(kind.rawValue)) }
      ?? ProfileSet(compiledIn: kind)
  }

  /// `profiles/` of the checkout that the executable was built in: the package's folder is one of those
  /// above it.
  private static let checkout: URL? = {
    guard var folder = Bundle.main.executableURL?.resolvingSymlinksInPath() else { return nil }
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let profiles = folder.appendingPathComponent("profiles")
      let package = folder.appendingPathComponent("Package.swift")
      if isFolder(profiles.appendingPathComponent("architectures")),
        FileManager.default.fileExists(atPath: package.path)
      {
        return profiles
      }
    }
    return nil
  }()

  /// Where files that a profile names lie; `nil` where it was compiled in.
  public var folder: URL? {
    if case .folder(let folder) = place { folder } else { nil }
  }

  /// All names, sorted.
  public func names() throws -> [String] {
    switch place {
    case .executable(let kind):
      return embeddedProfiles.keys.filter { $0.hasPrefix("\(kind.rawValue)/") }
        .map { String($0.dropFirst(kind.rawValue.count + 1)) }.sorted()
    case .folder(let folder):
      guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
        throw InputError(folder.path, problem: "cannot be read", expected: "a folder of profiles")
      }
      return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }
  }

  /// The profile of that name, as `parse` reads its bytes; errors of it name where they are from.
  public func profile<Profile>(
    named name: String, as kind: InputFile, parse: (Data) throws -> Profile
  ) throws -> Profile {
    switch place {
    case .folder(let folder):
      let path = folder.appendingPathComponent(name + ".json").path
      return try within(path) { try parse(kind.data(at: path)) }
    case .executable(let folder):
      return try within(name) {
        guard let text = embeddedProfiles["\(folder.rawValue)/\(name)"] else {
          throw InputError(problem: "does not exist", expected: try names().joined(separator: ", "))
        }
        return try parse(Data(text.utf8))
      }
    }
  }

  private static func isFolder(_ url: URL) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
      && isFolder.boolValue
  }
}
