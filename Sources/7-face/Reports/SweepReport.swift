import Sweeps

/// What `dyno sweep` says when it ends.
public struct SweepReport: Encodable, Sendable {
  public let summary: SweepSummary
  public let remaining: Int
  public let shard: String
  public let seed: UInt64
  public let store: String
  /// Combinations of a generated grid that are no architecture.
  public let impossible: [String]

  public init(
    _ summary: SweepSummary, shard: Shard, seed: UInt64, store: String, impossible: [String]
  ) {
    self.summary = summary
    remaining = summary.remaining
    self.shard = shard.description
    self.seed = seed
    self.store = store
    self.impossible = impossible
  }

  public var table: String {
    var lines = [
      "\(summary.measured) measured, \(summary.present) already there, "
        + "\(summary.failures.count) failed, \(summary.failedBefore) failed before, "
        + "\(remaining) left of \(summary.units) (shard \(shard), seed \(seed))"
    ]
    if !summary.failures.isEmpty {
      var table = Table([("failed cell", .left), ("block", .right), ("reason", .left)])
      for failure in summary.failures {
        table.add([
          failure.cell, "\(failure.block)",
          "\(failure.failure.kind.rawValue): \(failure.failure.detail.prefix(100))",
        ])
      }
      lines += ["", table.rendered()]
    }
    return lines.joined(separator: "\n")
  }
}

extension SweepListing {
  public var table: String {
    var table = Table([("cell", .left), ("block", .right), ("state", .left), ("", .left)])
    for row in rows {
      table.add([row.name, "\(row.block)", row.state, String(row.cell.prefix(12))])
    }
    return table.rendered() + "\n\n\(rows.count) to measure in all, "
      + "\(rows.filter { $0.state == "pending" }.count) pending"
  }
}
