import ArgumentParser
import Reports
import Store

struct Merge: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Brings the results of several stores into one.",
    discussion: "Merging a store again adds nothing. The stores merged from stay as they are.")

  @Argument(
    help: "Stores to take results from.", completion: .file())
  var stores: [String]

  @Option(help: "The store that takes them in; made where there is none.")
  var into: String

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    // All are opened, and so checked, before anything is written.
    let sources = try stores.map { try ResultStore($0, .reading) }
    let target = try ResultStore(into, .writing)
    let rows = try sources.map { source in
      MergeReport.Row(store: source.path, added: try target.merge(source))
    }
    let report = MergeReport(rows: rows, into: into, total: try target.count())
    try target.close()
    try output == .json ? emit(JSONText.encode(report)) : emit(page: report.table)
  }
}
