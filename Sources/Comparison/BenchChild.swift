import Architectures
import Foundation
import Host
import Measurement

/// A `dyno bench --serve` process: one side of an interleaved comparison.
final class BenchChild {
  let hello: BenchHello
  private let executable: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let errors: FileHandle
  private var buffer = Data()

  /// Starts the process and waits until its tests are prepared.
  ///
  /// - Parameter arguments: those of `bench`.
  /// - Throws: `InputError` where the executable is none of ours or refuses the arguments.
  init(executable: String, arguments: [String]) throws {
    guard FileManager.default.isExecutableFile(atPath: executable) else {
      throw InputError(executable, problem: "is no executable file")
    }
    self.executable = executable
    // A process that ended must be an error here, not a signal.
    signal(SIGPIPE, SIG_IGN)
    errors = try Self.temporaryFile()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = ["bench"] + arguments + ["--serve"]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    do { try process.run() } catch {
      throw InputError(executable, problem: "cannot be started: \(error.localizedDescription)")
    }
    // Else its end of the pipe would stay open here, and the end of its output would never come.
    try? output.fileHandleForWriting.close()
    guard let line = Self.line(from: output, &buffer),
      let hello = BenchLine.decode(BenchHello.self, line)
    else {
      Self.end(process)
      throw Self.refusal(executable, Self.lastLine(errors))
    }
    guard hello.dynoBenchVersion == BenchHello.currentVersion else {
      Self.end(process)
      throw InputError(
        executable, problem: "speaks version \(hello.dynoBenchVersion) of bench --serve",
        expected: "version \(BenchHello.currentVersion)")
    }
    self.hello = hello
  }

  deinit {
    try? input.fileHandleForWriting.close()
    Self.end(process)
  }

  private static func end(_ process: Process) {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }

  func run(_ request: BenchRequest) throws -> BenchReply {
    do {
      let line = Data((try BenchLine.encode(request) + "\n").utf8)
      try input.fileHandleForWriting.write(contentsOf: line)
    } catch { throw ended }
    guard let line = Self.line(from: output, &buffer),
      let reply = BenchLine.decode(BenchReply.self, line), reply.seconds.count == request.runs,
      reply.seconds.allSatisfy({ $0 > 0 })
    else { throw ended }
    return reply
  }

  private var ended: HostError {
    HostError("\(executable): ended within the comparison: \(Self.lastLine(errors) ?? "silently")")
  }

  private static func refusal(_ executable: String, _ message: String?) -> InputError {
    if message?.contains("--serve") == true {
      return InputError(
        executable, problem: "cannot be compared: its bench has no --serve (an older build?)",
        expected: "a dyno built from a commit that has dyno ab")
    }
    if let message { return InputError(executable, problem: "bench did not start: \(message)") }
    return InputError(
      executable, problem: "bench did not start",
      expected: "a dyno executable, and arguments that its bench accepts")
  }

  /// The next line, without its end; `nil` when there is none.
  private static func line(from pipe: Pipe, _ buffer: inout Data) -> String? {
    let end = UInt8(ascii: "\n")
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while !buffer.contains(end) {
      let count = read(pipe.fileHandleForReading.fileDescriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      buffer.append(contentsOf: chunk[..<count])
    }
    guard let index = buffer.firstIndex(of: end) else { return nil }
    defer { buffer = Data(buffer[(index + 1)...]) }
    return String(decoding: buffer[..<index], as: UTF8.self)
  }

  /// What a child complains is kept in a file, as a full pipe would stop it; it vanishes when closed.
  private static func temporaryFile() throws -> FileHandle {
    var path = Array((NSTemporaryDirectory() + "/dyno-bench-XXXXXX").utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else {
      throw HostError("no temporary file: \(String(cString: strerror(errno)))")
    }
    unlink(path)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private static func lastLine(_ file: FileHandle) -> String? {
    try? file.seek(toOffset: 0)
    let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    return text.split(separator: "\n").last.map(String.init)
  }
}
