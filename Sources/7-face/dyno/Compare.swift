import ArgumentParser
import Comparison
import Input

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
      comparison.compare(results(baseline), results(candidate)))
  }

  /// Of a store is said how a result set is made of it.
  private func results(_ path: String) throws -> ResultSet {
    do {
      return try ResultSet(contentsOf: path)
    } catch let error as InputError where error.problem == ForeignContent.isDatabase {
      throw InputError(
        path, problem: error.problem,
        expected: "a JSON file of results; dyno results STORE --output json makes one")
    }
  }
}
