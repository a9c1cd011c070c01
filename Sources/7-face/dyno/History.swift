import ArgumentParser
import Foundation
import Input
import Reports
import Store

struct HistoryCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Results over commits, and the commits where their level changed.",
    discussion: """
      Finds what no comparison of two commits shows, such as a slow drift. Exit code 1 with \
      --fail-on-regression where the last change of a series is a regression, 3 where no series has \
      enough commits to tell.
      """)

  @Argument(
    help: "A store with results of several commits.", completion: .file())
  var store: String

  @Option(
    help: ArgumentHelp(
      "Commits, oldest first, one a line, whole or shortened (git log --reverse --oneline main). Default: the order in which "
        + "they were first measured.", valueName: "file"))
  var order: String?

  @Option(
    help: """
      Which way --order runs: oldest-first or newest-first. Default: the former, refused where that \
      is against the order of measuring.
      """)
  var direction: CommitOrder.Direction?

  @Flag(help: "Leave out measured commits that --order lacks, such as those of other branches.")
  var leaveOutOthers = false

  @Option(help: "The chance of even one false change in all series.")
  var level = Percentage(share: 0.05)

  @Option(help: "Of the permutations.")
  var seed: UInt64 = 0

  @Flag(help: "Exit code 1 where a series ends in a regression, 3 where none has enough commits.")
  var failOnRegression = false

  @Option(help: "Regressions up to this share do not count for --fail-on-regression, such as 2%.")
  var threshold: Percentage?

  @Option(help: "table, markdown (md), json, or junit (a case a series).")
  var output = Format.table

  enum Format: String, OutputName, CaseIterable {
    case table, markdown, json, junit
  }

  @OptionGroup var page: PageOptions

  func run() throws {
    guard level.share >= 1e-4, level.share < 0.5 else {
      throw InputError(
        "--level", problem: "is \(100 * level.share)%", expected: "0.01% to under 50%")
    }
    var options = History.Options()
    options.level = level.share
    options.seed = seed
    options.order = try order.map(commits)
    guard order != nil || (direction == nil && !leaveOutOthers) else {
      throw InputError(
        direction != nil ? "--direction" : "--leave-out-others", problem: "has nothing to say",
        expected: "an --order")
    }
    var filter = ResultFilter()
    filter.status = .measured
    let results = try ResultStore(store, .reading).results(filter)
    let history = try within(store) { try History(results, options) }
    switch output {
    case .table: try emit(page: history.table())
    case .markdown: try emit(history.table(.markdown))
    case .json: try emit(JSONText.encode(history))
    case .junit: try emit(history.junit(threshold: threshold?.share ?? 0))
    }
    guard failOnRegression else { return }
    if history.series.contains(where: { $0.endsInRegression(threshold: threshold?.share ?? 0) }) {
      throw ExitCode(1)
    }
    // What cannot fail has not passed either.
    guard history.series.contains(where: \.canDetect) else { throw ExitCode(3) }
  }

  private func commits(_ file: String) throws -> CommitOrder {
    let text = try within(file) { try InputFile.list.text(at: file) }
    return try CommitOrder(
      text, name: file, direction: direction, leavesOutOthers: leaveOutOthers)
  }
}

extension CommitOrder.Direction: ExpressibleByArgument {}
