import Architectures
import ArgumentParser
import Foundation
import Host

/// The command line: one file a command, each hands its arguments to a library and prints.
@main
struct Dyno: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dyno",
    abstract: "A dynamometer for transformer architectures: measures how fast they serve.",
    subcommands: [
      Bench.self, Sweep.self, Results.self, Merge.self, Compare.self, Interleave.self,
      HistoryCommand.self, Calibrate.self, Predict.self, Search.self, Describe.self,
      HostCommand.self,
      Law.self, Logits.self,
    ])

  /// Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 a comparison is inconclusive,
  /// 70 internal error; of a stopped sweep 128 and the signal.
  static func main() {
    guard CommandLine.argc > 0 else {
      fail("dyno: the arguments cannot be read: is /proc mounted?", code: 70)
    }
    // Where our parent ignored the ends of its children, so would we, and never learn how ours ended.
    signal(SIGCHLD, SIG_DFL)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as InputError {
      fail("dyno: \(error)", code: 2)
    } catch let error as HostError {
      fail("dyno: \(error)", code: 70)
    } catch let code as ExitCode {
      Foundation.exit(code.rawValue)
    } catch {
      switch exitCode(for: error) {
      case .success: exit(withError: error)  // --help and the like
      case .validationFailure:
        // One line: usage is a --help away.
        let line = message(for: error).split(separator: "\n").joined(separator: " ")
        fail("dyno: \(line) (see --help)", code: 2)
      default: fail("dyno: internal error: \(error)", code: 70)
      }
    }
  }

  private static func fail(_ message: String, code: Int32) -> Never {
    complain(message)
    Foundation.exit(code)
  }
}
