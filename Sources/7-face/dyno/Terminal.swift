import Foundation
import Input
import Machine
import Reports
import Synchronization
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

/// Writes what people read, no wider than their page.
func emit(page text: String) throws { try emit(Page.wrapped(text)) }

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

/// A line that says what is being done: rewritten in place on a terminal, one a minute in a log.
final class ProgressLine: Sendable {
  private static let secondsOfLog = 60

  private let isOnTerminal = isatty(STDERR_FILENO) == 1
  /// When the next line of a log is due.
  private let next = Mutex(SteadyClock.nanoseconds() + secondsOfLog * 1_000_000_000)

  func show(_ text: String) {
    guard isOnTerminal else { return log(text) }
    try? FileHandle.standardError.write(
      contentsOf: Data("\r\u{1b}[2K\(PrintableText.line(text))".utf8))
  }

  func clear() { if isOnTerminal { show("") } }

  private func log(_ text: String) {
    let now = SteadyClock.nanoseconds()
    let isDue = next.withLock { next in
      guard now >= next, !text.isEmpty else { return false }
      next = now + Self.secondsOfLog * 1_000_000_000
      return true
    }
    guard isDue else { return }
    try? FileHandle.standardError.write(
      contentsOf: Data("dyno: \(PrintableText.line(text))\n".utf8))
  }
}

/// Fails before the work rather than after it; changes nothing.
func requireWritable(_ path: String) throws { try OutputFile.check(path) }
