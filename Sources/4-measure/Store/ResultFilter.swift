import GRDB

/// Which results are asked for. An empty list lets everything through.
public struct ResultFilter: Sendable {
  public var architectures: [String] = []
  public var dtypes: [String] = []
  public var cacheDTypes: [String] = []
  public var threads: [Int] = []
  public var batches: [Int] = []
  public var depths: [Int] = []
  public var prompts: [Int] = []
  public var generates: [Int] = []
  /// Beginnings of commits.
  public var commits: [String] = []
  public var status: StoredResult.Status?
  /// Leaves out failures of units that were tried again since.
  public var lastAttemptsOnly = false

  public init() {}

  /// As SQL.
  var condition: (String, StatementArguments) {
    var conditions = ["TRUE"]
    var arguments = StatementArguments()
    func among(_ column: String, _ values: [some DatabaseValueConvertible]) {
      guard !values.isEmpty else { return }
      conditions.append("\(column) IN (\(values.map { _ in "?" }.joined(separator: ", ")))")
      arguments += StatementArguments(values)
    }
    among("architecture", architectures)
    among("dtype", dtypes)
    among("cache_dtype", cacheDTypes)
    among("threads", threads)
    among("batch", batches)
    among("depth", depths)
    among("prompt", prompts)
    among("generate", generates)
    if !commits.isEmpty {
      let prefixes = commits.map { _ in "substr(build_commit, 1, length(?)) = ?" }
      conditions.append("(\(prefixes.joined(separator: " OR ")))")
      for commit in commits { arguments += [commit, commit] }
    }
    if let status {
      conditions.append("status = ?")
      arguments += [status.rawValue]
    }
    if lastAttemptsOnly {
      conditions.append(
        """
        NOT (status = 'failed' AND cell IS NOT NULL AND EXISTS (
          SELECT 1 FROM results AS other WHERE other.cell = results.cell
          AND other.block = results.block AND (other.status = 'measured'
          OR (other.finished_at, other.uid) > (results.finished_at, results.uid))))
        """)
    }
    return (conditions.joined(separator: " AND "), arguments)
  }
}
