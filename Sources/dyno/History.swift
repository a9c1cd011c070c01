import Architectures
import ArgumentParser
import Foundation
import Reports
import Store

struct HistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Results over commits, and the commits where their level changed.",
    discussion: """
      Finds what no comparison of two commits shows, such as a slow drift. Exit code 1 with \
      --fail-on-regression where the last change of a series is a regression.
      """)

  @Argument(help: "A store with results of several commits.")
  var store: String

  @Option(
    help: ArgumentHelp(
      "Commits, oldest first, one a line (git rev-list --reverse main). Default: the order in which "
        + "they were first measured.", valueName: "file"))
  var order: String?

  @Option(help: "The chance of even one false change in all series.")
  var level = Percentage(share: 0.05)

  @Option(help: "Of the permutations.")
  var seed: UInt64 = 0

  @Flag(help: "Exit code 1 where a series ends in a regression.")
  var failOnRegression = false

  @Option(help: "Regressions up to this share do not count for --fail-on-regression, such as 2%.")
  var threshold: Percentage?

  @Option(help: "table or json.")
  var output = OutputFormat.table

  func run() throws {
    guard level.share >= 1e-4, level.share < 0.5 else {
      throw InputError(
        "--level", problem: "is \(100 * level.share)%", expected: "0.01% to under 50%")
    }
    var options = History.Options()
    options.level = level.share
    options.seed = seed
    options.order = try order.map(commits)
    var filter = ResultFilter()
    filter.status = .measured
    let history = try History(try ResultStore(store, .reading).results(filter), options)
    try emit(output == .json ? JSONText.encode(history) : history.table)
    if failOnRegression,
      history.series.contains(where: { $0.endsInRegression(threshold: threshold?.share ?? 0) })
    {
      throw ExitCode(1)
    }
  }

  private func commits(_ file: String) throws -> [String] {
    let text = try within(file) { try InputFile.list.text(at: file) }
    let commits = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard !commits.isEmpty else {
      throw InputError(file, problem: "is empty", expected: "commits, one a line")
    }
    return commits
  }
}
