import Foundation
import Host

/// A child process that measures one cell, so that nothing that happens to it harms the sweep.
struct CellProcess {
  /// This very executable, even where the file was replaced since.
  static let executable = "/proc/self/exe"

  enum End: Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timeLimit
    /// Ended because the sweep was asked to stop.
    case stopped
  }

  struct Outcome {
    let end: End
    let output: Data
    let errors: String
    /// Whether the kernel ended processes for want of memory meanwhile.
    let memoryRanOut: Bool
  }

  var executable = Self.executable
  var arguments: [String]
  /// Seconds.
  var timeLimit: Double?

  /// Runs the child to its end, its time limit or until `stopped`.
  func run(stopped: () -> Bool) throws -> Outcome {
    // Where our parent ignored ends of children, so would we, and never learn how they ended.
    signal(SIGCHLD, SIG_DFL)
    let kills = OutOfMemoryKills.count
    let input = try ChildPipe()
    let output = try ChildPipe()
    let errors = try ChildPipe()
    for end in [output.reading, errors.reading] { end.doNotWait() }
    let child = try spawn(input, output, errors)
    for end in [input.reading, output.writing, errors.writing] { end.close() }
    // The child ends when this one closes, so it stays open until the child has ended.
    defer { input.writing.close() }
    // Should memory run out, the child goes rather than the sweep.
    try? Data("800".utf8).write(to: URL(fileURLWithPath: "/proc/\(child)/oom_score_adj"))

    let start = SteadyClock.nanoseconds()
    var end: End?
    var status: Int32 = 0
    var collected = (output: Data(), errors: Data())
    while true {
      output.reading.wait(or: errors.reading, milliseconds: 100)
      output.reading.drain(into: &collected.output)
      errors.reading.drain(into: &collected.errors)
      let ended = waitpid(child, &status, WNOHANG)
      if ended == child { break }
      guard ended == 0 || errno == EINTR else {
        throw HostError("a child process is lost: \(String(cString: strerror(errno)))")
      }
      if end == nil {
        let seconds = Double(SteadyClock.nanoseconds() - start) * 1e-9
        if stopped() {
          end = .stopped
        } else if let timeLimit, seconds > timeLimit {
          end = .timeLimit
        }
        if end != nil { kill(child, SIGKILL) }
      }
    }
    output.reading.drain(into: &collected.output)
    errors.reading.drain(into: &collected.errors)
    let signal = status & 0x7f
    let natural: End = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    let killsNow = OutOfMemoryKills.count
    // A child that ended well before our signal reached it has ended well.
    return Outcome(
      end: natural == .exited(0) ? natural : end ?? natural, output: collected.output,
      errors: String(decoding: collected.errors, as: UTF8.self),
      memoryRanOut: kills != nil && kills != killsNow)
  }

  private func spawn(
    _ input: ChildPipe, _ output: ChildPipe, _ errors: ChildPipe
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input.reading.descriptor, 0)
    posix_spawn_file_actions_adddup2(&actions, output.writing.descriptor, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.writing.descriptor, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: Ctrl-C is for the sweep, which ends the child itself.
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    var words = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let status = posix_spawn(&child, executable, &actions, &attributes, &words, environ)
    guard status == 0 else {
      throw HostError("a child process cannot be started: \(String(cString: strerror(status)))")
    }
    return child
  }
}

/// How often Linux has ended a process for want of memory since it started.
enum OutOfMemoryKills {
  static var count: Int? {
    guard let counters = try? String(contentsOfFile: "/proc/vmstat", encoding: .utf8) else {
      return nil
    }
    return counters.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
      .flatMap { $0.split(separator: " ").last }.flatMap { Int($0) }
  }
}
