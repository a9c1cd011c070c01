import Records

/// One test case a cell, for CI systems that show JUnit reports: regressions fail, open cells are
/// skipped.
struct JUnitXML: ComparisonExporter {
  func text(_ comparison: ComparisonRecord) -> String {
    let failures = comparison.cells.count { $0.verdict == .regression }
    let missing =
      (comparison.onlyInBaseline ?? []).map { ($0, "not in the candidate") }
      + (comparison.onlyInCandidate ?? []).map { ($0, "not in the baseline") }
    let skipped = comparison.cells.count { $0.verdict == .inconclusive } + missing.count
    let tests = comparison.cells.count + missing.count
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites>",
      "  <testsuite name=\"dyno\" tests=\"\(tests)\" failures=\"\(failures)\" "
        + "skipped=\"\(skipped)\" errors=\"0\">",
    ]
    for cell in comparison.cells {
      let open =
        "    <testcase classname=\"\(OutputText.xml(cell.modelType))\" name=\"\(OutputText.xml(cell.name))\""
      let finding = OutputText.xml(finding(cell))
      switch cell.verdict {
      case .regression:
        lines.append("\(open)><failure message=\"\(finding)\"/></testcase>")
      case .inconclusive:
        lines.append("\(open)><skipped message=\"\(finding)\"/></testcase>")
      case .improvement, .noChange:
        lines.append("\(open)><system-out>\(finding)</system-out></testcase>")
      }
    }
    for (name, reason) in missing {
      lines.append(
        "    <testcase classname=\"dyno\" name=\"\(OutputText.xml(name))\">"
          + "<skipped message=\"\(reason)\"/></testcase>")
    }
    return (lines + ["  </testsuite>", "</testsuites>"]).joined(separator: "\n")
  }

  private func finding(_ cell: ComparisonRecord.Cell) -> String {
    let interval = cell.slowdownInterval.map {
      " (\(Quantity.change($0[0])) to \(Quantity.change($0[1])))"
    }
    return "\(cell.verdict.rawValue): time \(Quantity.change(cell.slowdown))\(interval ?? ""), "
      + "\(Quantity.number(cell.baselineTs)) to \(Quantity.number(cell.candidateTs)) tok/s"
  }
}
