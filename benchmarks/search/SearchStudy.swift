import Foundation
import Input

/// Prints the figures of `docs/search.md`; `make search-study` runs it.
@main
enum SearchStudy {
  static let usage = """
    usage: dyno-search-study front
           dyno-search-study speed
           dyno-search-study load
           dyno-search-study exhaustive STORE [--pairs 40] [--limit N]
           dyno-search-study loop STORE [--pairs 40] [--visits 11] [--seed 0]
           dyno-search-study compare STORE LOOP_STORE [--pairs 120]
           dyno-search-study billion STORE [--pairs 40]
    """

  static func main() throws {
    do {
      var arguments = Array(CommandLine.arguments.dropFirst())
      let options = try options(&arguments)
      switch (arguments.first, arguments.count) {
      case ("front", 1): try FrontStudy.run()
      case ("speed", 1): try SpeedStudy.run()
      case ("load", 1): try LoadStudy.run()
      case ("exhaustive", 2): try HostStudy(options).exhaustive(arguments[1])
      case ("loop", 2): try HostStudy(options).loop(arguments[1])
      case ("compare", 3): try HostStudy(options).compare(arguments[1], arguments[2])
      case ("billion", 2): try HostStudy(options).billion(arguments[1])
      default: throw InputError(problem: "no study is named\n" + usage)
      }
    } catch let error as InputError {
      FileHandle.standardError.write(Data("dyno-search-study: \(error)\n".utf8))
      exit(2)
    }
  }

  /// Takes `--name value` out of the arguments.
  private static func options(_ arguments: inout [String]) throws -> [String: Int] {
    var options: [String: Int] = [:]
    while let index = arguments.firstIndex(where: { $0.hasPrefix("--") }) {
      guard index + 1 < arguments.count, let value = Int(arguments[index + 1]), value >= 0 else {
        throw InputError(problem: "\(arguments[index]) needs a number\n" + usage)
      }
      options[arguments[index]] = value
      arguments.removeSubrange(index...index + 1)
    }
    return options
  }
}

/// What is being done, on a terminal.
enum Progress {
  private static let visible = isatty(STDERR_FILENO) == 1

  static func show(_ text: String) {
    guard visible else { return }
    FileHandle.standardError.write(Data("\r\u{1b}[2K\(text)".utf8))
  }
}
