import Foundation
import Input
import Model
import Records

/// Everything that a cost model can be calibrated from, read from files of any known format.
public struct Measurements {
  public var operators: [OperatorTiming] = []
  public var collectives: [CollectiveTiming] = []
  public var runs: [WholeRun] = []
  /// Rows left out, each with its file, its line and the reason.
  public var rejected: [InputError] = []

  private static let mostResults = 100_000

  public init() {}

  /// Whether there is nothing, not even a row that was refused.
  public var isEmpty: Bool {
    operators.isEmpty && collectives.isEmpty && runs.isEmpty && rejected.isEmpty
  }

  /// Adds a file: operator rows (ours or AIConfigurator's CSV), collectives (AIConfigurator's), whole
  /// runs (LLM-Inference-Bench's CSV, vLLM's JSON) or bench records (ours or llama-bench's JSON, JSON
  /// lines, CSV or SQL). The format is found by its columns or keys, not by the file's name. Files of
  /// one name (`a.csv`, `a.json`) are of one run.
  ///
  /// - Throws: `InputError` where the file cannot be read or is none of these.
  public mutating func add(contentsOf url: URL, _ facts: RunFacts = RunFacts()) throws {
    let text = try within(url.path) {
      let data = try InputFile.results.data(at: url.path)
      guard !data.starts(with: Data("PAR1".utf8)) else {
        throw InputError(
          problem: "is a Parquet file",
          expected: "its rows as CSV, which pandas writes: "
            + "pandas.read_parquet(FILE).to_csv(OTHER, index=False)")
      }
      return try InputFile.results.text(of: data)
    }
    try add(text: text, file: url.path, facts)
  }

  /// Adds what a file of that name holds.
  ///
  /// - Throws: `InputError` where the text is none of a known format.
  public mutating func add(text: String, file: String, _ facts: RunFacts = RunFacts()) throws {
    let known = (operators.count, runs.count)
    defer {
      let run = URL(fileURLWithPath: file).deletingPathExtension().path
      for index in known.0..<operators.count { operators[index].run = run }
      for index in known.1..<runs.count { runs[index].run = run }
    }
    try within(file) {
      // Files are called as hubs and tools like it; what they hold says what they are.
      guard let first = text.first(where: { !$0.isWhitespace }), "{[".contains(first) else {
        if LlamaBenchTable.recognizes(sql: text) {
          try add(try LlamaBenchTable.records(sql: text), file: file, facts)
        } else {
          try add(try DelimitedText(text), file: file, facts)
        }
        return
      }
      let entries = try Self.entries(text)
      guard entries.count <= Self.mostResults else {
        throw InputError(
          problem: "holds \(entries.count) results", expected: "at most \(Self.mostResults)")
      }
      for (index, entry) in entries.enumerated() {
        let place = "[\(index)]"
        do {
          guard case .object(let object) = entry else {
            throw InputError(problem: "is \(entry.kind)", expected: "an object")
          }
          runs.append(try run(JSONObject(object), facts, origin: "\(file)\(place)"))
        } catch let error as InputError {
          rejected.append(error.within(place).within(file))
        }
      }
    }
  }

  /// Results of a JSON text: one, an array of them, or one a line.
  private static func entries(_ text: String) throws -> [JSONValue] {
    let lines = text.split(whereSeparator: \.isNewline)
    if lines.count > 1, lines.allSatisfy({ $0.first == "{" && $0.last == "}" }) {
      return try lines.enumerated().map { index, line in
        try within("row \(index + 1)") { try JSONValue(parsing: Data(line.utf8)) }
      }
    }
    let value = try JSONValue(parsing: Data(text.utf8))
    if case .array(let array) = value { return array }
    return [value]
  }

  private mutating func add(
    _ records: [(line: Int, fields: JSONObject)], file: String, _ facts: RunFacts
  ) throws {
    for (line, fields) in records {
      do {
        runs.append(try run(fields, facts, origin: "\(file) row \(line)"))
      } catch let error as InputError {
        rejected.append(error.within("row \(line)").within(file))
      }
    }
  }

  private func run(_ fields: JSONObject, _ facts: RunFacts, origin: String) throws -> WholeRun {
    if BenchRecords.recognizes(fields) {
      return try BenchRecords.run(fields, facts, origin: origin)
    }
    if VLLMBench.recognizes(fields) { return try VLLMBench.run(fields, facts, origin: origin) }
    throw InputError(
      problem: "is no known result",
      expected: "a record of dyno bench, llama-bench or vLLM's bench")
  }

  private mutating func add(_ table: DelimitedText, file: String, _ facts: RunFacts) throws {
    func took<Row>(_ imported: ImportedRows<Row>) -> [Row] {
      rejected += imported.rejected.map { $0.within(file) }
      return imported.rows
    }
    if AIConfiguratorTable.recognizes(table.columns) {
      try facts.requireDevice(.gpu)
      if AIConfiguratorTable.isOfCollectives(table.columns) {
        collectives += took(try AIConfiguratorTable.collectives(table))
      } else {
        operators += took(try AIConfiguratorTable.rows(table))
      }
    } else if InferenceBenchTable.recognizes(table.columns) {
      try facts.requireDevice(.gpu)
      // A table names few models in many rows.
      var known: [String: Result<Architecture, any Error>] = [:]
      runs += took(
        try InferenceBenchTable.rows(table) { name in
          let model =
            known[name] ?? Result { try within("model") { try facts.architecture(named: name) } }
          known[name] = model
          return try model.get()
        })
    } else if LlamaBenchTable.recognizes(table.columns) {
      try add(LlamaBenchTable.records(table), file: file, facts)
    } else if table.columns.contains("operator") {
      operators += took(try OperatorTable.rows(table, facts))
    } else {
      throw InputError(
        "row 1", problem: "has columns of no known format",
        expected: "operator rows of dyno bench, or tables of AIConfigurator or LLM-Inference-Bench")
    }
  }
}
