import ArgumentParser
import Foundation
import Input
import Machine
import Model
import Reports

/// The command line: one file a command, each hands its arguments to a library and prints.
@main
struct Dyno: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dyno",
    abstract: "A dynamometer for transformer architectures: measures how fast they serve.",
    version: BuildInformation.version,
    subcommands: [
      Bench.self, Sweep.self, Results.self, Merge.self, Compare.self, Interleave.self,
      HistoryCommand.self, Report.self, Calibrate.self, Predict.self, Search.self, Describe.self,
      HostCommand.self,
      Law.self, Logits.self, QualityCommand.self,
    ])

  /// Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 a comparison is inconclusive,
  /// 70 internal error; of a stopped sweep 128 and the signal.
  static func main() {
    guard CommandLine.argc > 0 else {
      fail("dyno: the arguments cannot be read: is /proc mounted?", code: 70)
    }
    // Where our parent ignored the ends of its children, so would we, and never learn how ours ended.
    signal(SIGCHLD, SIG_DFL)
    var arguments = Array(CommandLine.arguments.dropFirst())
    var ran: any ParsableCommand.Type = Dyno.self
    do {
      try ForeignArguments.check(arguments, commands: commandNames)
      arguments = withNegativeValues(try LlamaBenchOptions.translated(arguments))
      var command = try parseAsRoot(arguments)
      ran = type(of: command)
      try RepeatedOptions.check(arguments, of: ran)
      let columns = try (command as? any PrintsTables)?.page.width()
      try Page.$columns.withValue(columns) { try command.run() }
    } catch let error as InputError {
      fail("dyno: \(error.namingOptions(of: ran, given: arguments))", code: 2)
    } catch let error as HostError {
      fail("dyno: \(error)", code: 70)
    } catch let code as ExitCode {
      Foundation.exit(code.rawValue)
    } catch {
      switch exitCode(for: error) {
      case .success: exit(withError: error)  // --help and the like
      case .validationFailure:
        fail("dyno: \(line(message(for: error))) (see --help)", code: 2)
      default: fail("dyno: internal error: \(error)", code: 70)
      }
    }
  }

  private static var commandNames: [String] {
    configuration.subcommands.map { $0._commandName } + ["help"]
  }

  /// `--depth -1` as `--depth=-1`: a number is a value, and refused as one, not an option.
  private static func withNegativeValues(_ arguments: [String]) -> [String] {
    var joined: [String] = []
    // Behind `--` come another command's.
    let own = arguments.prefix { $0 != "--" }
    for argument in own {
      let isNumber = argument.hasPrefix("-") && argument.dropFirst().first?.isNumber == true
      if isNumber, let option = joined.last, isName(option) {
        joined[joined.count - 1] = "\(option)=\(argument)"
      } else {
        joined.append(argument)
      }
    }
    return joined + arguments.dropFirst(own.count)
  }

  /// `--depth`, `-d`.
  private static func isName(_ argument: String) -> Bool {
    argument.hasPrefix("-") && !argument.contains("=")
      && argument.drop { $0 == "-" }.first?.isLetter == true
  }

  /// The parser's message as one line: usage is a --help away.
  private static func line(_ message: String) -> String {
    let line = message.split(separator: "\n").joined(separator: " ")
    // The forms that our types expect stand where the parser expects lists of values.
    let parts = line.components(separatedBy: ". Please provide one of '")
    guard parts.count == 2, parts[1].hasSuffix("'."), !parts[1].dropLast(2).contains("'") else {
      // Types that say no form are the language's own.
      let isBare = line.hasPrefix("The value '") && line.contains("' is invalid for '")
      return isBare && parts.count == 1 && !line.contains(": ")
        ? "\(line.hasSuffix(".") ? String(line.dropLast()) : line); expected a number" : line
    }
    return "\(parts[0]); expected \(parts[1].dropLast(2))"
  }

  private static func fail(_ message: String, code: Int32) -> Never {
    complain(message)
    Foundation.exit(code)
  }
}
