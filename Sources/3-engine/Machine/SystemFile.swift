import Foundation

/// The small text files in which the kernel tells of itself.
enum SystemFile {
  static func text(_ path: String) -> String? {
    beginning(of: path, bytes: 1 << 20)?.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// At most so many bytes, by plain reads: a measurement must not wait for Foundation.
  static func beginning(of path: String, bytes: Int) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(bytes, 1 << 12))
    while text.count < bytes {
      let count = read(descriptor, &chunk, min(chunk.count, bytes - text.count))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      guard count > 0 else { break }
      text += chunk[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  /// What stands behind `key` in lines like `microcode : 0x1000065`.
  static func value(of key: String, in text: String?, separator: Character = ":") -> String? {
    text?.split(separator: "\n").first { $0.hasPrefix(key) }?
      .split(separator: separator, maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
  }
}
