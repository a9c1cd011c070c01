import Records

/// One test case a test of throughput: regressions fail, open ones are skipped.
struct ComparisonJUnit: ComparisonExporter {
  func text(_ comparison: ComparisonRecord) -> String {
    var report = JUnitXML()
    for cell in comparison.cells {
      let outcome: JUnitXML.Outcome
      switch cell.verdict {
      case .regression: outcome = .failed
      case .inconclusive: outcome = .skipped
      case .improvement, .noChange: outcome = .passed
      }
      report.add(cell.modelType, cell.name, outcome, finding(cell))
    }
    for name in comparison.onlyInBaseline ?? [] {
      report.add("dyno", name, .skipped, "not in the candidate")
    }
    for name in comparison.onlyInCandidate ?? [] {
      report.add("dyno", name, .skipped, "not in the baseline")
    }
    return report.text
  }

  private func finding(_ cell: ComparisonRecord.Cell) -> String {
    let interval = cell.slowdownInterval.map {
      " (\(Quantity.change($0[0])) to \(Quantity.change($0[1])))"
    }
    return "\(cell.verdict.rawValue): time \(Quantity.change(cell.slowdown))\(interval ?? ""), "
      + "\(Quantity.number(cell.baselineTs)) to \(Quantity.number(cell.candidateTs)) tok/s"
  }
}
