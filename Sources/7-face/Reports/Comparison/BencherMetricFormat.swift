import Records

/// Bencher's own JSON: benchmark, measure, value with its bounds.
struct BencherMetricFormat: ComparisonExporter {
  private struct Metric: Encodable {
    var value: Double
    // Bencher's keys, spelled in snake case by the encoder.
    var lowerValue: Double?
    var upperValue: Double?
  }

  func text(_ comparison: ComparisonRecord) throws -> String {
    let metrics = comparison.cells.map { cell in
      (
        cell.name,
        [
          "throughput": Metric(value: cell.candidateTs),
          "slowdown": Metric(
            value: cell.slowdown, lowerValue: cell.slowdownInterval?[0],
            upperValue: cell.slowdownInterval?[1]),
        ]
      )
    }
    return try JSONText.encode(Dictionary(metrics, uniquingKeysWith: { first, _ in first }))
  }
}
