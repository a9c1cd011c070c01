import Records

/// The candidate's throughput for github-action-benchmark's tool `customBiggerIsBetter`, which keeps
/// and plots it over commits.
struct GitHubActionBenchmark: ComparisonExporter {
  private struct Entry: Encodable {
    var name: String
    var unit = "tok/s"
    var value: Double
    var range: String?
    var extra: String
  }

  func text(_ comparison: ComparisonRecord) throws -> String {
    try JSONText.encode(
      comparison.cells.map { cell in
        Entry(
          name: cell.name, value: cell.candidateTs,
          range: cell.slowdownInterval.map {
            "± \(Quantity.number(cell.candidateTs * ($0[1] - $0[0]) / 2, digits: 3))"
          },
          extra: "\(cell.verdict.rawValue): \(Quantity.change(cell.slowdown)) time")
      })
  }
}
