import Records

/// Warnings of many tests as one line a cause, with the tests that it concerns.
///
/// Warnings that differ in their numbers only are of one cause: numbers become ranges.
public enum WarningLines {
  /// So many tests are named, and the others counted.
  private static let mostNames = 4

  public static func lines(_ records: [ThroughputRecord]) -> [String] {
    let batches = Set(records.map(\.nSequences)).count > 1
    return lines(
      records.map { record in
        let batch = batches ? ", batch \(record.nSequences)" : ""
        return ("\(record.modelType) \(record.testName)\(batch)", record.warnings)
      })
  }

  public static func lines(_ tests: [(name: String, warnings: [String])]) -> [String] {
    var order: [[String]] = []
    var groups: [[String]: (numbers: [[String]], tests: [String])] = [:]
    for test in tests {
      for warning in test.warnings {
        let (words, numbers) = parts(warning)
        if groups[words] == nil { order.append(words) }
        groups[words, default: ([], [])].numbers.append(numbers)
        groups[words]!.tests.append(test.name)
      }
    }
    return order.map { words in
      let group = groups[words]!
      return "\(text(words, group.numbers)) (\(names(group.tests, of: tests.count)))"
    }
  }

  private static func names(_ tests: [String], of count: Int) -> String {
    if tests.count == count, count > 1 { return "all \(count) tests" }
    let rest = tests.count - mostNames
    return tests.prefix(mostNames).joined(separator: "; ") + (rest > 0 ? "; \(rest) more" : "")
  }

  /// Text around numbers, one piece more than there are of these.
  private static func parts(_ text: String) -> (words: [String], numbers: [String]) {
    var (words, numbers, start) = ([String](), [String](), text.startIndex)
    for match in text.matches(of: /\d+(\.\d+)?/) {
      words.append(String(text[start..<match.range.lowerBound]))
      numbers.append(String(match.output.0))
      start = match.range.upperBound
    }
    return (words + [String(text[start...])], numbers)
  }

  private static func text(_ words: [String], _ numbers: [[String]]) -> String {
    var text = words[0]
    for place in words.indices.dropFirst() {
      let values = numbers.map { $0[place - 1] }.sorted { Double($0)! < Double($1)! }
      let (least, most) = (values.first!, values.last!)
      text += (least == most ? least : "\(least) to \(most)") + words[place]
    }
    return text
  }
}
