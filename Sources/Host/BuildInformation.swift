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
      return headCommit(git, checkout: folder) ?? "unknown"
    }
    return "unknown"
  }()

  private static func headCommit(_ git: URL, checkout: URL) -> String? {
    var git = git
    var shared = git
    // In a worktree .git is a file that names where HEAD is; branches are in the main checkout.
    if let pointer = text(git), pointer.hasPrefix("gitdir: ") {
      git = URL(fileURLWithPath: String(pointer.dropFirst(8)), relativeTo: checkout)
      shared =
        text(git.appendingPathComponent("commondir")).map {
          URL(fileURLWithPath: $0, relativeTo: git)
        } ?? git
    }
    guard let head = text(git.appendingPathComponent("HEAD")) else { return nil }
    guard head.hasPrefix("ref: ") else { return head }
    let reference = String(head.dropFirst(5))
    if let commit = text(shared.appendingPathComponent(reference)) { return commit }
    let packed = text(shared.appendingPathComponent("packed-refs")) ?? ""
    let line = packed.split(separator: "\n").first { $0.hasSuffix(" " + reference) }
    return line.flatMap { $0.split(separator: " ").first }.map(String.init)
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
