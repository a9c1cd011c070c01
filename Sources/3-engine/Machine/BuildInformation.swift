import BuildCommit
import Foundation

/// Which version of Dyno this is.
public enum BuildInformation {
  /// The commit that was built, with "-modified" behind it where files differed from it; "unknown"
  /// where it was built outside a checkout. Where the executable lies, or runs, does not matter.
  public static let commit = BuildCommit.text

  /// What `--version` prints: `dyno 0.1.0 (commit 1a2b…, modified)`.
  public static let version: String = {
    let unmodified = commit.replacing("-modified", with: "")
    return "dyno 0.1.0 (commit \(unmodified)\(commit == unmodified ? "" : ", modified"))"
  }()
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
