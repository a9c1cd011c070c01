import Records

/// A comparison for people: on a terminal, or as GitHub's step summary.
struct ComparisonTable: ComparisonExporter {
  let style: Table.Style

  func text(_ comparison: ComparisonRecord) -> String {
    var table = Table([
      ("architecture", .left), ("test", .left), ("batch", .right), ("weights", .left),
      ("baseline tok/s", .right), ("candidate tok/s", .right), ("slowdown", .right),
      ("95% interval, all cells", .right), ("p", .right), ("samples", .right),
      ("verdict", .left),
    ])
    for cell in comparison.cells {
      table.add([
        cell.modelType, cell.test, "\(cell.nSequences)", cell.typeWeights.rawValue,
        Quantity.number(cell.baselineTs), Quantity.number(cell.candidateTs),
        Quantity.change(cell.slowdown), interval(cell.slowdownInterval),
        Quantity.probability(cell.pValue), "\(cell.samples)", verdict(cell.verdict),
      ])
    }
    let summary = summary(comparison)
    return switch style {
    case .plain: table.rendered() + "\n\n" + summary + "\n" + legend(comparison)
    case .markdown:
      "### \(icon(comparison.verdict)) dyno: \(summary)\n\n" + table.rendered(.markdown) + "\n\n"
        + legend(comparison) + comparison.warnings.map { "\n\n> \($0)" }.joined()
    }
  }

  private func summary(_ comparison: ComparisonRecord) -> String {
    let counts = ComparisonRecord.Verdict.allCases.compactMap { verdict -> String? in
      let count = comparison.cells.count { $0.verdict == verdict }
      return count > 0 ? "\(count) \(verdict.rawValue)" : nil
    }
    return "\(comparison.verdict.rawValue) (\(counts.joined(separator: ", ")))"
  }

  private func legend(_ comparison: ComparisonRecord) -> String {
    let how =
      switch comparison.method {
      case .paired: "in turns, \(Quantity.number(comparison.seconds ?? 0, digits: 3)) s"
      case .unpaired: "each measured by itself"
      }
    return "\(side(comparison.baseline)) against \(side(comparison.candidate)), \(how); "
      + "\(comparison.cpuInfo). Slowdown: change of time; to be found: "
      + "\(Quantity.percent(comparison.threshold)). At most "
      + "\(Quantity.percent(comparison.familyError)) of comparisons raise any false alarm."
  }

  private func side(_ side: ComparisonRecord.Side) -> String {
    "\(side.name) (\(side.buildCommit.prefix(10)))"
  }

  private func interval(_ bounds: [Double]?) -> String {
    guard let bounds else { return "too few samples" }
    return "\(Quantity.change(bounds[0])) – \(Quantity.change(bounds[1]))"
  }

  private func verdict(_ verdict: ComparisonRecord.Verdict) -> String {
    style == .markdown ? "\(icon(verdict)) \(verdict.rawValue)" : verdict.rawValue
  }

  private func icon(_ verdict: ComparisonRecord.Verdict) -> String {
    switch verdict {
    case .regression: "❌"
    case .improvement: "🚀"
    case .noChange: "✅"
    case .inconclusive: "❔"
    }
  }
}
