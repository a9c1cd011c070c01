import Foundation
import Input

/// Rows that a fit leaves out, by a stated rule.
public enum OutlierRule: Sendable {
  /// Keeps `r` in a range; arXiv 2510.18245 fits on 0.5 to 5.
  case mlpToAttentionRatio(ClosedRange<Double>)
  /// Drops the given number of rows with the fewest training tokens per parameter: the five that
  /// Besiroglu et al. 2024 leave out of Chinchilla's 245.
  case fewestTokensPerParameter(Int)

  /// The rows kept, in their order, and the lines of those dropped.
  public func applied(to table: TrainingTable) throws -> (kept: TrainingTable, dropped: [Int]) {
    var kept = table
    switch self {
    case .mlpToAttentionRatio(let range):
      kept.rows = table.rows.filter {
        !$0.point.mlpToAttentionRatio.isFinite || range.contains($0.point.mlpToAttentionRatio)
      }
    case .fewestTokensPerParameter(let count):
      let ordered = table.rows.indices.sorted {
        tokensPerParameter(table.rows[$0]) < tokensPerParameter(table.rows[$1])
      }
      let dropped = Set(ordered.prefix(count))
      kept.rows = table.rows.indices.filter { !dropped.contains($0) }.map { table.rows[$0] }
    }
    guard !kept.rows.isEmpty else {
      throw InputError(
        table.name, problem: "has no row that the outlier rule keeps", expected: "some")
    }
    let lines = Set(kept.rows.map(\.line))
    return (kept, table.rows.map(\.line).filter { !lines.contains($0) })
  }

  private func tokensPerParameter(_ row: TrainingTable.Row) -> Double {
    let ratio = row.point.tokens / row.point.parameters
    return ratio.isFinite ? ratio : .infinity
  }
}
