import Foundation

/// Which version of Dyno this is.
public enum BuildInformation {
  /// The commit of the checkout that holds the executable; "unknown" outside one.
  public static let commit: String = {
    guard var folder = Bundle.main.executableURL?.resolvingSymlinksInPath() else {
      return "unknown"
    }
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let git = folder.appendingPathComponent(".git")
      guard FileManager.default.fileExists(atPath: git.path) else { continue }
      // A linked worktree has a file there, which names its folder.
      let own =
        text(git).flatMap { $0.hasPrefix("gitdir: ") ? $0.dropFirst(8) : nil }
        .map { place(String($0), in: folder) } ?? git
      guard let head = text(own.appendingPathComponent("HEAD")) else { return "unknown" }
      guard head.hasPrefix("ref: ") else { return head }
      let reference = String(head.dropFirst(5))
      let shared =
        text(own.appendingPathComponent("commondir"))
        .map { place($0, in: own) } ?? git
      if let commit = text(shared.appendingPathComponent(reference)) { return commit }
      let packed = text(shared.appendingPathComponent("packed-refs")) ?? ""
      let line = packed.split(separator: "\n").first { $0.hasSuffix(" " + reference) }
      return line.flatMap { $0.split(separator: " ").first }.map(String.init) ?? "unknown"
    }
    return "unknown"
  }()

  private static func place(_ path: String, in folder: URL) -> URL {
    path.hasPrefix("/") ? URL(fileURLWithPath: path) : folder.appendingPathComponent(path)
  }

  private static func text(_ file: URL) -> String? {
    (try? String(contentsOf: file, encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// The operating system.
public enum OperatingSystem {
  /// The kernel's name and version.
  public static var description: String {
    var names = utsname()
    uname(&names)
    func text<Characters>(_ characters: Characters) -> String {
      withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }
}
