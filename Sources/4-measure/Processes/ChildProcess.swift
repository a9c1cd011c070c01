import Foundation
import Input
import Machine

/// A child process: the one way in which Dyno runs programs.
///
/// Neither what it writes nor how long it takes is trusted: output is held up to a limit, waiting has
/// an end, and a child that does not end when asked is killed, with all of its process group. It has
/// a group of its own, so that Ctrl-C is for the caller, which ends the child itself.
public final class ChildProcess {
  public enum End: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// Bytes that are held of its output.
  public struct Limits: Sendable {
    public var output: Int
    /// Only the end of what it complains is of use.
    public var errors = 64 << 10

    public init(output: Int) { self.output = output }
  }

  public let identifier: pid_t
  private let input: Descriptor
  private let output: Descriptor
  private let errors: Descriptor
  private var said: BoundedOutput
  private var complained: BoundedOutput
  private var end: End?

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - file: what the child has open as descriptor 3.
  /// - Throws: `HostError` where the system refuses it.
  public init(
    executable: String, arguments: [String], file: Descriptor? = nil, limits: Limits
  ) throws {
    let input = try Descriptor.sockets()
    let output = try Descriptor.pipe()
    let errors = try Descriptor.pipe()
    var files: [(ours: Descriptor, theirs: Int32)] = [
      (input.reading, 0), (output.writing, 1), (errors.writing, 2),
    ]
    if let file { files.append((file, 3)) }
    identifier = try Self.spawn(executable, arguments, files)
    for end in [input.writing, output.reading, errors.reading] { end.doNotWait() }
    self.input = input.writing
    self.output = output.reading
    self.errors = errors.reading
    said = BoundedOutput(.all, limit: limits.output)
    complained = BoundedOutput(.end, limit: limits.errors)
  }

  deinit {
    guard end == nil else { return }
    kill()
    while waitpid(identifier, nil, 0) < 0, errno == EINTR {}
  }

  private static func spawn(
    _ executable: String, _ arguments: [String], _ files: [(ours: Descriptor, theirs: Int32)]
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for file in files {
      posix_spawn_file_actions_adddup2(&actions, file.ours.number, file.theirs)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for signal in [SIGPIPE, SIGCHLD] { sigaddset(&defaults, signal) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    // Threads of pools block signals; what they start must hear its own.
    var blocked = sigset_t()
    sigemptyset(&blocked)
    posix_spawnattr_setsigmask(&attributes, &blocked)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var words = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let status = posix_spawn(&child, executable, &actions, &attributes, &words, environ)
    guard status == 0 else { throw Descriptor.refused("\(executable): a child process", status) }
    return child
  }

  /// All that it wrote, less the lines that were taken.
  public var outputData: Data { said.data }
  /// Whether it wrote more than may be held.
  public var wroteTooMuch: Bool { said.isTooMuch }
  /// The end of what it complained.
  public var complaints: String { String(decoding: complained.data, as: UTF8.self) }

  /// Waits a while for output or the end.
  ///
  /// - Returns: how it ended, once it has.
  /// - Throws: `HostError` where the system lost the child, as it does where the caller of this
  ///   process, or the process itself, ignores the ends of children.
  @discardableResult
  public func poll(milliseconds: Int32) throws -> End? {
    if let end { return end }
    wait(milliseconds)
    said.drain(output)
    complained.drain(errors)
    var status: Int32 = 0
    let ended = waitpid(identifier, &status, WNOHANG)
    if ended == identifier {
      said.drain(output)
      complained.drain(errors)
      let signal = status & 0x7f
      end = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    } else if ended < 0, errno != EINTR {
      let reason = errno
      end = .signalled(SIGKILL)
      throw HostError("a child process is lost: \(String(cString: strerror(reason)))")
    }
    return end
  }

  /// Waits until there is something to read or the child closed its files.
  private func wait(_ milliseconds: Int32) {
    var files = [output.number, errors.number].filter { $0 >= 0 }.map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    // Where all is closed, only the child's end is left to wait for: look often.
    _ = Glibc.poll(
      &files, nfds_t(files.count), files.isEmpty ? min(milliseconds, 5) : milliseconds)
  }

  public enum Silence: Error, Equatable {
    /// It said nothing for too long.
    case tooLong
    /// It ended, or closed its output.
    case ended
    /// Its line is longer than may be held.
    case endlessLine
  }

  /// The next line that it says, without its end.
  ///
  /// - Throws: `Silence` where there is none within so many seconds.
  public func line(within seconds: Double) throws -> String {
    let clock = Deadline(seconds)
    while true {
      if let line = said.takeLine() { return line }
      if said.isTooMuch { throw Silence.endlessLine }
      if end != nil || output.number < 0 { throw Silence.ended }
      guard !clock.isOver else { throw Silence.tooLong }
      try poll(milliseconds: min(100, clock.milliseconds))
    }
  }

  /// Writes to its standard input.
  ///
  /// - Throws: `Silence` where it does not read it within so many seconds, or is gone.
  public func send(_ text: String, within seconds: Double) throws {
    let clock = Deadline(seconds)
    var rest = ArraySlice(Array(text.utf8))
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(input.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if count < 0, errno == EAGAIN || errno == EINTR {
        guard !clock.isOver else { throw Silence.tooLong }
        try poll(milliseconds: 10)
      } else {
        throw Silence.ended
      }
    }
  }

  /// Ends it and its process group at once.
  public func kill() {
    guard end == nil else { return }
    Glibc.kill(-identifier, SIGKILL)
    Glibc.kill(identifier, SIGKILL)
  }

  /// Lets it end by itself once its input is over, asks it after half the time, kills it after all.
  @discardableResult
  public func finish(within seconds: Double) throws -> End {
    input.close()
    let clock = Deadline(seconds)
    var isAsked = false
    while true {
      if let end = try poll(milliseconds: 10) { return end }
      if clock.isOver {
        kill()
      } else if !isAsked, clock.isHalfOver {
        Glibc.kill(identifier, SIGTERM)
        isAsked = true
      }
    }
  }
}

/// A moment after which one waits no longer.
struct Deadline {
  private let start = SteadyClock.nanoseconds()
  private let seconds: Double

  init(_ seconds: Double) { self.seconds = seconds }

  private var left: Double { seconds - Double(SteadyClock.nanoseconds() - start) * 1e-9 }
  var isOver: Bool { left <= 0 }
  var isHalfOver: Bool { left <= seconds / 2 }
  /// At least 1.
  var milliseconds: Int32 { Int32(max(1, min(1000, left * 1000))) }
}
