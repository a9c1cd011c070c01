import Foundation
import Machine
import Processes

/// A child process that measures one cell, so that nothing that happens to it harms the sweep.
struct CellProcess {
  /// This very executable, even where the file was replaced since.
  static let executable = "/proc/self/exe"
  /// Where the child finds the architecture's configuration.
  static let configPath = "/dev/fd/3"
  /// Of a record: a million samples take a fifth of it.
  private static let mostOutput = 1 << 30

  enum End: Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timeLimit
    case tooMuchOutput
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
  /// What stands at `configPath`.
  var config: String
  /// Seconds.
  var timeLimit: Double?
  var mostOutput = Self.mostOutput

  /// Runs the child to its end, its time limit or until `stopped`.
  func run(stopped: () -> Bool) throws -> Outcome {
    let kills = OutOfMemoryKills.count
    // The child ends when its input does, so this lives until the child has ended.
    let child = try ChildProcess(
      executable: executable, arguments: arguments, file: .holding(config),
      limits: .init(output: mostOutput))
    // Should memory run out, the child goes rather than the sweep.
    try? Data("800".utf8).write(to: URL(fileURLWithPath: "/proc/\(child.identifier)/oom_score_adj"))

    let start = SteadyClock.nanoseconds()
    var end: End?
    var natural: ChildProcess.End?
    while natural == nil {
      natural = try child.poll(milliseconds: 100)
      guard natural == nil, end == nil else { continue }
      let seconds = Double(SteadyClock.nanoseconds() - start) * 1e-9
      if stopped() {
        end = .stopped
      } else if let timeLimit, seconds > timeLimit {
        end = .timeLimit
      } else if child.wroteTooMuch {
        end = .tooMuchOutput
      }
      if end != nil { child.kill() }
    }
    if child.wroteTooMuch, end == nil { end = .tooMuchOutput }
    let killsNow = OutOfMemoryKills.count
    return Outcome(
      // A child that ended well before our signal reached it has ended well.
      end: natural == .exited(0) && end != .tooMuchOutput ? .exited(0) : end ?? End(natural),
      output: child.outputData, errors: child.complaints,
      memoryRanOut: kills != nil && kills != killsNow)
  }
}

extension CellProcess.End {
  init(_ end: ChildProcess.End?) {
    switch end {
    case .exited(let code): self = .exited(code)
    case .signalled(let signal): self = .signalled(signal)
    case nil: self = .signalled(SIGKILL)
    }
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
