import Foundation
import Harness
import Input
import Machine
import Processes

/// A serving `dyno bench` process: one side of an interleaved comparison.
package final class BenchChild {
  /// How long one waits for it before it counts as hung.
  package struct Patience: Sendable {
    /// Seconds until its tests are prepared, and the most for any answer.
    package var longest: Double
    /// Seconds for it to end when asked.
    package var end = 2.0

    package init(longest: Double) { self.longest = longest }

    /// Seconds for an answer that should take `typical`.
    func answer(typical: Double) -> Double { min(longest, 60 + 100 * typical) }
  }

  package let hello: BenchHello
  private let executable: String
  private let process: ChildProcess
  private let patience: Patience

  /// Bytes of one message: the first has every architecture's configuration.
  private static let longestMessage = 64 << 20

  /// Refuses a path that nothing can be started from.
  package static func requireExecutable(_ path: String) throws {
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw InputError(
        path, problem: "is no executable file", expected: "an executable of dyno (make build)")
    }
  }

  /// Starts the process and waits until its tests are prepared.
  ///
  /// - Parameter arguments: those of `bench`.
  /// - Throws: `InputError` where the executable is none of ours or refuses the arguments.
  package init(executable: String, arguments: [String], patience: Patience) throws {
    try Self.requireExecutable(executable)
    self.executable = executable
    self.patience = patience
    process = try ChildProcess(
      executable: executable, arguments: BenchArguments.serving(arguments),
      limits: .init(output: Self.longestMessage))
    do {
      let line = try process.line(within: patience.longest)
      guard let version = BenchLine.decode(BenchVersion.self, line)?.dynoBenchVersion else {
        throw ChildProcess.Silence.ended
      }
      guard version == BenchHello.currentVersion else {
        throw InputError(
          problem: "speaks version \(version) of the protocol of comparisons",
          expected: "version \(BenchHello.currentVersion)")
      }
      guard let hello = BenchLine.decode(BenchHello.self, line) else {
        throw ChildProcess.Silence.ended
      }
      try hello.check()
      self.hello = hello
    } catch let error as InputError {
      process.kill()
      throw error.within(executable)
    } catch let silence as ChildProcess.Silence {
      // What it complains comes with its end.
      if silence == .ended { _ = try? process.finish(within: patience.end) }
      process.kill()
      throw Self.refusal(executable, silence, Self.lastLine(process), patience)
    }
  }

  deinit { _ = try? process.finish(within: patience.end) }

  package func run(_ request: BenchRequest) throws -> BenchReply {
    let typical = hello.cells[request.cell].typicalS * Double(request.runs)
    let seconds = patience.answer(typical: typical * (1 + request.stretch))
    do {
      try process.send(BenchLine.encode(request) + "\n", within: seconds)
      let line = try process.line(within: seconds)
      guard let reply = BenchLine.decode(BenchReply.self, line),
        reply.seconds.count == request.runs,
        reply.seconds.allSatisfy({ $0 > 0 && $0.isFinite })
      else { throw HostError("\(executable): gave an answer that cannot be read") }
      return reply
    } catch let silence as ChildProcess.Silence {
      if silence == .ended { _ = try? process.finish(within: patience.end) }
      process.kill()
      throw ended(silence, after: seconds)
    }
  }

  private func ended(_ silence: ChildProcess.Silence, after seconds: Double) -> HostError {
    switch silence {
    case .tooLong:
      HostError("\(executable): gave no answer within \(Int(seconds.rounded(.up))) s")
    case .endlessLine:
      HostError("\(executable): gave an answer of more than \(Self.longestMessage >> 20) MiB")
    case .ended:
      HostError(
        "\(executable): ended within the comparison: \(Self.lastLine(process) ?? "silently")")
    }
  }

  private static func refusal(
    _ executable: String, _ silence: ChildProcess.Silence, _ message: String?, _ patience: Patience
  ) -> InputError {
    switch silence {
    case .tooLong:
      return InputError(
        executable, problem: "said nothing for \(Int(patience.longest.rounded(.up))) s",
        expected: "a dyno executable; more patience gives it longer to prepare")
    case .endlessLine:
      return InputError(
        executable, problem: "writes without end", expected: "a dyno executable")
    case .ended: break
    }
    if message?.contains(BenchArguments.servingIsUnknown) == true {
      return InputError(
        executable,
        problem: "cannot be compared: its bench does not serve comparisons (an older build?)",
        expected: "a dyno built from a commit that has dyno ab")
    }
    if let message { return InputError(executable, problem: "bench did not start: \(message)") }
    return InputError(
      executable, problem: "bench did not start",
      expected: "a dyno executable, and arguments that its bench accepts")
  }

  private static func lastLine(_ process: ChildProcess) -> String? {
    process.complaints.split(whereSeparator: \.isNewline).last.map { String($0.prefix(1000)) }
  }
}

extension BenchHello {
  /// Refuses what no run of `bench` is like: all that follows divides by it.
  package func check() throws {
    guard !cells.isEmpty else {
      throw InputError(problem: "has no tests", expected: "at least one")
    }
    for cell in cells {
      try within("\(cell.modelType) \(cell.test)") {
        guard cell.typicalS > 0, cell.typicalS.isFinite else {
          throw InputError(
            problem: "takes \(cell.typicalS) s a run", expected: "a time greater than 0")
        }
        guard cell.tokens > 0, cell.nSequences > 0 else {
          throw InputError(
            problem: "has \(cell.tokens) tokens in \(cell.nSequences) sequences",
            expected: "at least one of each")
        }
      }
    }
  }
}
