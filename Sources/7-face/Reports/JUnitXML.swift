/// JUnit's report, which CI systems show: a suite of cases, each of which passed, failed or was skipped.
struct JUnitXML {
  enum Outcome {
    case passed, failed, skipped
  }

  private var lines: [String] = []
  private var failures = 0
  private var skipped = 0
  private var cases = 0

  /// - Parameters:
  ///   - group: what the case belongs to.
  ///   - finding: what was found, in words.
  mutating func add(_ group: String, _ name: String, _ outcome: Outcome, _ finding: String) {
    cases += 1
    let (group, name) = (OutputText.xml(group), OutputText.xml(name))
    let finding = OutputText.xml(finding)
    let content: String
    switch outcome {
    case .passed: content = "<system-out>\(finding)</system-out>"
    case .failed:
      failures += 1
      content = "<failure message=\"\(finding)\"/>"
    case .skipped:
      skipped += 1
      content = "<skipped message=\"\(finding)\"/>"
    }
    lines.append("    <testcase classname=\"\(group)\" name=\"\(name)\">\(content)</testcase>")
  }

  var text: String {
    let open = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites>",
      "  <testsuite name=\"dyno\" tests=\"\(cases)\" failures=\"\(failures)\" skipped=\"\(skipped)\" "
        + "errors=\"0\">",
    ]
    return (open + lines + ["  </testsuite>", "</testsuites>"]).joined(separator: "\n")
  }
}
