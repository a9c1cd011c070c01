import Input

/// What the head of a report says: where its figures come from.
struct ReportFacts {
  /// Names and values, in their order; each value once.
  let facts: [(name: String, values: [String])]

  init(_ input: ReportInput) throws {
    var machines: [String] = []
    var devices: [String] = []
    var commits: [String] = []
    var days: [String] = []
    for record in input.records {
      let fields = record.fields
      try within(record.source) {
        if let machine = try fields.string("cpu_info") { machines.append(machine) }
        if let device = try fields.string("device") { devices.append(device) }
        if let commit = try fields.string("build_commit") {
          commits.append(CommitText.brief(commit))
        }
        if let time = try fields.string("test_time") { days.append(String(time.prefix(10))) }
      }
    }
    days.sort()
    let span =
      days.first.map { first in first == days.last! ? [first] : [first, days.last!] } ?? []
    let all: [(name: String, values: [String])] = [
      ("machine", Self.each(machines)), ("device", Self.each(devices)),
      ("commit", Self.brief(Self.each(commits))),
      ("measured", span.isEmpty ? [] : [span.joined(separator: " to ")]),
      ("from", Self.each(input.sources)),
    ]
    facts = all.filter { !$0.values.isEmpty }
  }

  private static func each(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    return values.filter { seen.insert($0).inserted }
  }

  /// A history has more commits than a head has room for.
  private static func brief(_ values: [String]) -> [String] {
    values.count <= 6
      ? values : Array(values.prefix(2)) + ["…"] + values.suffix(2) + ["(\(values.count))"]
  }
}
