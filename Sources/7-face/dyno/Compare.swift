import ArgumentParser
import Comparison

struct Compare: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Compares two result sets, test by test.",
    discussion: """
      The sets are files that bench --output json wrote. As they were measured apart, a machine in \
      another mood counts as a change: dyno ab runs both sides in turns. Exit codes: 0 no \
      regression, 1 regression, 2 bad input, 3 inconclusive.
      """)

  @Argument(
    help: "The result set to compare with.", completion: .file())
  var baseline: String

  @Argument(
    help: "The result set to judge.", completion: .file())
  var candidate: String

  @OptionGroup var options: ComparisonOptions

  @OptionGroup var page: PageOptions

  func run() throws {
    try options.checkFiles()
    let comparison = ResultSetComparison(options.rule, allowed: Set(options.allowDifferent))
    try options.finish(
      comparison.compare(
        ResultSet(contentsOf: baseline), ResultSet(contentsOf: candidate)))
  }
}
