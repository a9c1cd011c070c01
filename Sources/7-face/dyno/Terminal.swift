import Foundation
import Input
import Machine
import Weights

// stdout carries results only; everything else goes to stderr.

/// Writes a result to stdout, whole or with an error: a full disk must not look like success.
func emit(_ data: Data) throws {
  do {
    try FileHandle.standardOutput.write(contentsOf: data)
  } catch {
    throw HostError("stdout: results cannot be written: \(String(cString: strerror(errno)))")
  }
}

func emit(_ text: String) throws { try emit(Data((text + "\n").utf8)) }

/// A line on stderr. Where that is closed, there is nobody to tell.
func complain(_ text: String) {
  ProgressLine().clear()
  let line = PrintableText.line(text) + "\n"
  try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
}

func warn(_ text: String) { complain("dyno: warning: \(text)") }

/// What there is to know of how a model was read.
func warn(of subject: ModelSubject) {
  for note in subject.notes { warn("\(subject.architecture.name): \(note)") }
}

/// A line that says what is being done, rewritten in place; silent where stderr is no terminal.
struct ProgressLine {
  private let visible = isatty(STDERR_FILENO) == 1

  func show(_ text: String) {
    guard visible else { return }
    try? FileHandle.standardError.write(
      contentsOf: Data("\r\u{1b}[2K\(PrintableText.line(text))".utf8))
  }

  func clear() { show("") }
}

/// Fails before the work rather than after it; changes nothing.
func requireWritable(_ path: String) throws { try OutputFile.check(path) }
