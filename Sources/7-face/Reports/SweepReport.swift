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
      var table = Table([("failed", .left), ("block", .right), ("reason", .left)])
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
    var table = Table([
      ("configuration", .left), ("block", .right), ("state", .left), ("key", .left),
    ])
    for row in rows {
      table.add([row.name, "\(row.block)", row.state, String(row.cell.prefix(12))])
    }
    return table.rendered() + "\n\n\(rows.count) to measure in all, "
      + "\(rows.filter { $0.state == "pending" }.count) pending"
  }
}

extension SweepStatus {
  public var table: String {
    var lines = [
      "here: \(measured) of \(units) measured, \(failed) failed, \(pending) pending"
    ]
    if !elsewhere.isEmpty {
      var table = Table([
        ("processor", .left), ("commit", .left), ("measured", .right), ("failed", .right),
        ("differs here in", .left),
      ])
      for site in elsewhere {
        table.add([
          site.processor, CommitText.brief(site.commit, digits: 9), "\(site.measured)",
          "\(site.failed)", site.differsIn.joined(separator: ", "),
        ])
      }
      lines += [
        "",
        "The same configurations, measured where results do not count for this machine and build:",
        "", table.rendered(),
      ]
    }
    if others > 0 {
      lines += ["", "\(others) more results are of configurations that the sweep does not have."]
    }
    return lines.joined(separator: "\n")
  }
}
