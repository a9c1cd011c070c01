import Records

/// A comparison for people: on a terminal, or as GitHub's step summary.
struct ComparisonTable: ComparisonExporter {
  let style: Table.Style

  func text(_ comparison: ComparisonRecord) -> String {
    var table = Table([
      ("architecture", .left), ("test", .left), ("batch", .right), ("verdict", .left),
      ("slowdown", .right), ("95% interval, all cells", .right), ("baseline tok/s", .right),
      ("candidate tok/s", .right), ("p", .right), ("samples", .right), ("weights", .left),
    ])
    for cell in comparison.cells {
      table.add([
        cell.modelType, cell.test, "\(cell.nSequences)", verdict(cell.verdict),
        Quantity.change(cell.slowdown), interval(cell.slowdownInterval),
        Quantity.number(cell.baselineTs), Quantity.number(cell.candidateTs),
        Quantity.probability(cell.pValue), "\(cell.samples)", cell.typeWeights.rawValue,
      ])
    }
    let summary = summary(comparison)
    let missing = missing(comparison)
    return switch style {
    case .plain:
      ([table.rendered() + "\n", summary] + missing + [legend(comparison)])
        .joined(separator: "\n")
    case .markdown:
      (["### \(icon(comparison.verdict)) dyno: \(summary)", table.rendered(.markdown)]
        + missing + [legend(comparison)] + comparison.warnings.map { "> \(safe($0))" })
        .joined(separator: "\n\n")
    }
  }

  private func safe(_ text: String) -> String {
    style == .markdown ? OutputText.markdown(text) : OutputText.terminal(text)
  }

  /// A line for each test that only one side has.
  private func missing(_ comparison: ComparisonRecord) -> [String] {
    (comparison.onlyInBaseline ?? []).map { "not in the candidate: \(safe($0))" }
      + (comparison.onlyInCandidate ?? []).map { "not in the baseline: \(safe($0))" }
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
      + "\(safe(comparison.cpuInfo)). Slowdown: change of time; to be found: "
      + "\(Quantity.percent(comparison.threshold)). At most "
      + "\(Quantity.percent(comparison.familyError)) of comparisons raise any false alarm."
  }

  private func side(_ side: ComparisonRecord.Side) -> String {
    "\(safe(side.name)) (\(safe(CommitText.brief(side.buildCommit))))"
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
