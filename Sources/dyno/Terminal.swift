import Architectures
import Foundation

// What goes to stderr: stdout carries results only.

/// A line that says what is being done, rewritten in place; silent where stderr is no terminal.
final class ProgressLine {
  private let visible = isatty(STDERR_FILENO) == 1

  func show(_ text: String) {
    guard visible else { return }
    FileHandle.standardError.write(Data("\r\u{1b}[2K\(text)".utf8))
  }

  func clear() { show("") }
}

func warn(_ text: String) {
  FileHandle.standardError.write(Data("dyno: warning: \(text)\n".utf8))
}

func positive(_ option: String, _ value: Int) throws -> Int {
  guard (1...10_000_000).contains(value) else {
    throw InputError(option, problem: "is \(value)", expected: "1 to 10000000")
  }
  return value
}

/// Fails before the work rather than after it.
func requireWritable(_ path: String) throws {
  guard FileManager.default.createFile(atPath: path, contents: nil) else {
    throw InputError(path, problem: "cannot be written", expected: "a file in a writable folder")
  }
}
