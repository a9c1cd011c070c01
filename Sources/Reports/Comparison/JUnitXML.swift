import Records

/// One test case a cell, for CI systems that show JUnit reports: regressions fail, open cells are
/// skipped.
struct JUnitXML: ComparisonExporter {
  func text(_ comparison: ComparisonRecord) -> String {
    let failures = comparison.cells.count { $0.verdict == .regression }
    let skipped = comparison.cells.count { $0.verdict == .inconclusive }
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites>",
      "  <testsuite name=\"dyno\" tests=\"\(comparison.cells.count)\" failures=\"\(failures)\" "
        + "skipped=\"\(skipped)\" errors=\"0\">",
    ]
    for cell in comparison.cells {
      let open =
        "    <testcase classname=\"\(escaped(cell.modelType))\" name=\"\(escaped(cell.name))\""
      let finding = escaped(finding(cell))
      switch cell.verdict {
      case .regression:
        lines.append("\(open)><failure message=\"\(finding)\"/></testcase>")
      case .inconclusive:
        lines.append("\(open)><skipped message=\"inconclusive: \(finding)\"/></testcase>")
      case .improvement, .noChange:
        lines.append("\(open)><system-out>\(finding)</system-out></testcase>")
      }
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

  private func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      // Control characters are not allowed in XML, however they are spelled.
      case _ where scalar.value < 32: escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
