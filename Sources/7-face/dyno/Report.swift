import ArgumentParser
import Input
import Machine
import Reports

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes stores and result files as one HTML page with figures.",
    discussion: """
      Files are stores, and what our commands print with --output json or jsonl; each is recognised by \
      what it holds. The page needs no network and no other file. Results of several commands that \
      belong together are shown together, such as predictions beside measurements.
      """)

  @Argument(help: "Stores, and files of JSON or JSON Lines.", completion: .file())
  var files: [String]

  @Option(help: "Write the page to FILE.")
  var write: String

  @Option(help: "The page's title.")
  var title = "Dyno report"

  func run() throws {
    try requireWritable(write)
    let report = try HTMLReport(ReportInput(contentsOf: files), title: title)
    let page = try report.text()
    try emit(report.table)
    try OutputFile.write(page, to: write)
  }
}
