import Input
import ScalingLaws

enum SearchSection: ReportSection {
  static let id = "search"
  static let title = "Search: loss against speed and memory"
  static let about = """
    The architectures that no other one beats in both quantities (the Pareto front), the candidates \
    that the search proposes, and the baseline where it is of their size.
    """

  private struct Row {
    enum Role: String { case front, candidate, baseline }

    let role: Role
    let series: String
    let name: String
    let loss: Double
    let parameters: Double
    let throughput: Double
    let interval: ClosedRange<Double>?
    let memory: Double
    let firstToken: Double
    let gain: Double?
    let meetsTarget: Bool
    /// From the front's beginning.
    let place: Int?
  }

  private struct Search {
    let lossTitle: String
    let scenario: String
    let fronts: [String: [Row]]
    let others: [Row]
  }

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let searches = try input.map(.search) { ($0.source, try read($0.fields)) }
    return searches.enumerated().flatMap { index, found in
      let (source, search) = found
      let suffix = searches.count > 1 ? "-\(index + 1)" : ""
      let origin = searches.count > 1 ? "\(source): " : ""
      return [
        figure(
          "search-throughput" + suffix, origin + "throughput", search, "front",
          "output tokens a second, \(search.scenario)", \.throughput, \.interval),
        figure(
          "search-memory" + suffix, origin + "memory", search, "memory_front",
          "peak memory of a device, GiB", { $0.memory / 0x1p30 }),
        figure(
          "search-ttft" + suffix, origin + "time to the first token", search, "ttft_front",
          "time to the first token, seconds", \.firstToken),
      ].compactMap { $0 }
    }
  }

  private static func figure(
    _ id: String, _ words: String, _ search: Search, _ front: String, _ axis: String,
    _ value: @escaping (Row) -> Double,
    _ interval: @escaping (Row) -> ClosedRange<Double>? = { _ in nil }
  ) -> Figure? {
    guard let points = search.fronts[front], !points.isEmpty else { return nil }
    let rows = points + search.others
    return Figure(
      id, .scatter, "Loss against \(words)",
      caption: """
        Sizes are non-embedding parameters; bars are 90% intervals of predictions.
        """,
      axes: .init(
        x: .init(title: axis), y: .init(title: "predicted \(search.lossTitle)", format: ".4~f")),
      rows: rows,
      columns: [
        .init("role", "series") { .text($0.series) },
        .init("architecture") { .text($0.name) },
        .init("name shown", "label") { .init($0.role == .baseline ? $0.name : nil) },
        .init(axis, "x") { .number(value($0)) },
        .init("90% from", "xLow") { .init(interval($0)?.lowerBound) },
        .init("90% to", "xHigh") { .init(interval($0)?.upperBound) },
        .init(search.lossTitle, "y") { .number($0.loss) },
        .init("parameters", "size") { .number($0.parameters) },
        .init("gain over the baseline") { .init($0.gain) },
        .init("meets the target") { .flag($0.meetsTarget) },
        .init("place on the front", "place") { .init($0.place) },
      ])
  }

  private static func read(_ fields: JSONObject) throws -> Search {
    let lossField = try fields.text("quantity")
    guard let quantity = LossPrediction.Quantity(rawValue: lossField) else {
      throw InputError(
        "quantity", problem: "is \(lossField)",
        expected: "loss, ratio_to_reference or difference_from_reference")
    }
    func row(_ fields: JSONObject, _ role: Row.Role, _ series: String, place: Int? = nil) throws
      -> Row
    {
      // Points of fronts have a throughput for each scenario, candidates a list of what they serve.
      let served = try fields["served"] == nil ? nil : fields.parts("served").first
      let throughput =
        try role == .front ? fields.numbers("throughput").first : fields.number("throughput")
      guard let throughput else {
        throw InputError("throughput", problem: "is empty", expected: "a number for each scenario")
      }
      return Row(
        role: role, series: series, name: try fields.text("name"),
        loss: try fields.number(lossField),
        parameters: try fields.number("parameters"), throughput: throughput,
        interval: try fields.interval("interval"),
        memory: try (served ?? fields).number("peak_memory_bytes"),
        firstToken: try (served ?? fields).number("ttft_s"), gain: try fields.double("gain"),
        meetsTarget: try fields.bool("meets_target") ?? false, place: place)
    }
    let names = ["front", "memory_front", "ttft_front"]
    let fronts = try names.map { name -> (String, [Row]) in
      (
        name,
        try within(name) {
          try fields.parts(name).enumerated().map { index, point in
            try row(point, .front, "front", place: index)
          }
        }
      )
    }
    let candidates = try within("candidates") {
      try fields.parts("candidates").map { try row($0, .candidate, "candidates") }
    }
    let scenario = try within("scenarios") {
      guard let first = try fields.parts("scenarios").first else {
        throw InputError(problem: "is empty", expected: "at least one")
      }
      let lengths =
        "\(try first.text("device")), \(Int(try first.number("prompt")))x\(Int(try first.number("generate")))"
      return "\(lengths), batch \(Int(try first.number("batch")))"
    }
    // The law says nothing of a baseline of another size: it has no place among losses.
    let baselines =
      try fields.bool("baseline_of_another_size") == true
      ? []
      : [try within("baseline") { try row(fields.part("baseline"), .baseline, "baseline") }]
    return Search(
      lossTitle: quantity.words, scenario: scenario,
      fronts: Dictionary(uniqueKeysWithValues: fronts), others: candidates + baselines)
  }
}
