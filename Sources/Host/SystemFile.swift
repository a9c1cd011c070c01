import Foundation

/// The small text files in which the kernel tells of itself.
enum SystemFile {
  static func text(_ path: String) -> String? {
    (try? String(contentsOfFile: path, encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  static func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  /// What stands behind `key` in lines like `microcode : 0x1000065`.
  static func value(of key: String, in text: String?, separator: Character = ":") -> String? {
    text?.split(separator: "\n").first { $0.hasPrefix(key) }?
      .split(separator: separator, maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
  }
}
