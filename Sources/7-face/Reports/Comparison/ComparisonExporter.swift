import Records

/// A comparison as a text that some reader understands: one type a reader.
public protocol ComparisonExporter: Sendable {
  func text(_ comparison: ComparisonRecord) throws -> String
}

/// The readers, by the name that users give them.
public enum ComparisonFormat: String, CaseIterable, Sendable {
  case table
  case json
  case markdown
  case githubActionBenchmark = "github-action-benchmark"
  case bencher
  case junit

  public var exporter: any ComparisonExporter {
    switch self {
    case .table: ComparisonTable(style: .plain)
    case .json: ComparisonJSON()
    case .markdown: ComparisonTable(style: .markdown)
    case .githubActionBenchmark: GitHubActionBenchmark()
    case .bencher: BencherMetricFormat()
    case .junit: ComparisonJUnit()
    }
  }
}

/// The whole record.
struct ComparisonJSON: ComparisonExporter {
  func text(_ comparison: ComparisonRecord) throws -> String { try JSONText.encode(comparison) }
}
