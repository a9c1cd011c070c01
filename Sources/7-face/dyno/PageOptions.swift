import ArgumentParser
import Foundation
import Input
import Reports

/// How wide tables are.
struct PageOptions: ParsableArguments {
  @Option(
    help: "Width of tables and lines. Default: the terminal's; without limit in files and pipes.")
  var columns: Int?

  @Flag(help: "All columns of tables, however wide the terminal is.")
  var wide = false

  private static let narrowest = 40

  /// - Returns: `nil` without a limit.
  func width() throws -> Int? {
    if let columns {
      guard !wide else {
        throw InputError("--wide", problem: "is given with --columns", expected: "one of them")
      }
      guard columns >= Self.narrowest else {
        throw InputError(
          "--columns", problem: "is \(columns)", expected: "at least \(Self.narrowest)")
      }
      return columns
    }
    guard !wide, isatty(STDOUT_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return max(Int(size.ws_col), Self.narrowest)
  }
}

/// A command that prints tables for people.
protocol PrintsTables: ParsableCommand {
  var page: PageOptions { get }
}
