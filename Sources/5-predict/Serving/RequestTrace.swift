import CostModel
import Foundation
import Input
import Records
import Requests

/// Requests as a server had them: a table or JSON Lines of arrival, tokens in and tokens out.
///
/// Columns by any of their usual names, among them those of Azure's public traces (`TIMESTAMP`,
/// `ContextTokens`, `GeneratedTokens`) and of Mooncake's (`timestamp` in milliseconds, `input_length`,
/// `output_length`). Arrivals are seconds, or dates; they count from the first one.
public enum RequestTrace {
  private static let arrivals = [
    "arrival", "arrival_s", "arrived_at", "arrival_time", "timestamp", "time",
  ]
  private static let milliseconds = ["arrival_ms", "timestamp_ms"]
  private static let inputs = [
    "input", "input_tokens", "contexttokens", "input_length", "prompt_tokens", "num_prefill_tokens",
    "prompt_len",
  ]
  private static let outputs = [
    "output", "output_tokens", "generatedtokens", "output_length", "completion_tokens",
    "num_decode_tokens", "output_len",
  ]
  private static let prefixes = ["prefix", "prefix_id"]
  private static let prefixTokens = ["prefix_tokens", "prefix_length"]

  /// More requests would only fill the memory.
  private static let mostRequests = 2_000_000

  /// - Throws: `InputError` that names the line: a column that is missing, lengths below 1, times that go
  ///   back.
  public static func requests(at path: String) throws -> [ServingRequest] {
    try within(path) {
      let text = try InputFile.table.text(at: path)
      return text.first { !$0.isWhitespace } == "{" ? try lines(text) : try table(text)
    }
  }

  // MARK: CSV

  package static func table(_ text: String) throws -> [ServingRequest] {
    let table = try DelimitedText(text)
    let names = table.columns.map { $0.lowercased() }
    func place(_ wanted: [String]) -> Int? { names.firstIndex(where: wanted.contains) }
    func required(_ wanted: [String]) throws -> Int {
      guard let place = place(wanted) else {
        throw InputError(
          "row 1", problem: "has no column \"\(wanted[0])\"",
          expected: "one of " + wanted.joined(separator: ", "))
      }
      return place
    }
    let inMilliseconds = place(milliseconds)
    let arrival = try inMilliseconds ?? required(arrivals)
    let (input, output) = (try required(inputs), try required(outputs))
    let (prefix, shared) = (place(prefixes), place(prefixTokens))
    var reader = Reader(unit: inMilliseconds == nil ? 1 : 1e-3)
    for (line, cells) in table.rows {
      let name = prefix.map { cells[$0] }.flatMap { $0.isEmpty ? nil : $0 }
      try within("row \(line)") {
        try reader.add(
          arrival: time(cells[arrival], table.columns[arrival]),
          input: count(cells[input], table.columns[input]),
          output: count(cells[output], table.columns[output]), prefix: name,
          prefixTokens: name == nil
            ? nil : try shared.map { try count(cells[$0], table.columns[$0]) })
      }
    }
    return try reader.finished()
  }

  private static func count(_ cell: String, _ column: String) throws -> Int {
    let text = cell.trimmingCharacters(in: .whitespaces)
    guard let value = Double(text), value.isFinite, value == value.rounded(), abs(value) < 1e15
    else {
      throw InputError(column, problem: "is \"\(cell.prefix(40))\"", expected: "a number of tokens")
    }
    return Int(value)
  }

  /// Seconds, or a date.
  private static func time(_ cell: String, _ column: String) throws -> Double {
    let text = cell.trimmingCharacters(in: .whitespaces)
    if let value = Double(text), value.isFinite { return value }
    guard let value = date(text) else {
      throw InputError(
        column, problem: "is \"\(cell.prefix(40))\"",
        expected: "seconds, or a date such as 2023-11-16 18:17:03.979")
    }
    return value
  }

  /// `2023-11-16 18:17:03.9799600`, as seconds from a fixed day: digits beyond milliseconds too.
  static func date(_ text: String) -> Double? {
    let parts = text.split(whereSeparator: { $0 == " " || $0 == "T" })
    guard parts.count == 2 else { return nil }
    let day = parts[0].split(separator: "-").compactMap { Int($0) }
    var clock = parts[1]
    for end in ["Z", "+00:00"] where clock.hasSuffix(end) { clock = clock.dropLast(end.count) }
    let time = clock.split(separator: ":").compactMap { Double($0) }
    guard day.count == 3, time.count == 3, (1...9999).contains(day[0]), (1...12).contains(day[1]),
      (1...31).contains(day[2]), (0..<24).contains(time[0]), (0..<60).contains(time[1]),
      (0..<61).contains(time[2])
    else { return nil }
    // Days since 1 March of the year 0 (Howard Hinnant, "chrono-compatible date algorithms").
    let year = day[1] <= 2 ? day[0] - 1 : day[0]
    let era = year / 400
    let ofEra = year - 400 * era
    let ofYear = (153 * (day[1] + (day[1] > 2 ? -3 : 9)) + 2) / 5 + day[2] - 1
    let days = 146_097 * era + 365 * ofEra + ofEra / 4 - ofEra / 100 + ofYear
    return Double(days) * 86_400 + 3600 * time[0] + 60 * time[1] + time[2]
  }

  // MARK: JSON Lines

  package static func lines(_ text: String) throws -> [ServingRequest] {
    var reader: Reader?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where !line.allSatisfy(\.isWhitespace) {
      try within("line \(index + 1)") {
        guard case .object(let object) = try JSONValue(parsing: Data(line.utf8)) else {
          throw InputError(problem: "is no object", expected: "one request a line")
        }
        let fields = Dictionary(
          object.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
        func value(_ names: [String]) -> JSONValue? {
          names.lazy.compactMap { fields[$0] }.first
        }
        func required(_ names: [String]) throws -> JSONValue {
          guard let value = value(names) else {
            throw InputError(
              problem: "has no field \"\(names[0])\"",
              expected: "one of " + names.joined(separator: ", "))
          }
          return value
        }
        func tokens(_ names: [String]) throws -> Int {
          let value = try required(names)
          switch value {
          case .integer(let count): return count
          case .number(let number) where number == number.rounded() && abs(number) < 1e15:
            return Int(number)
          default:
            throw InputError(names[0], problem: "is \(value.kind)", expected: "a number of tokens")
          }
        }
        let inMilliseconds = value(milliseconds)
        // Mooncake's traces: milliseconds, told by their blocks' hashes.
        let isMooncake = fields["hash_ids"] != nil
        let arrival = try inMilliseconds ?? required(arrivals)
        let seconds: Double
        switch arrival {
        case .integer(let count): seconds = Double(count)
        case .number(let number): seconds = number
        case .string(let text): seconds = try time(text, "arrival")
        default:
          throw InputError("arrival", problem: "is \(arrival.kind)", expected: "seconds, or a date")
        }
        var name: String?
        switch value(prefixes) {
        case nil, .null: break
        case .string(let text): name = text
        case .integer(let number): name = "\(number)"
        case .some(let other):
          throw InputError("prefix", problem: "is \(other.kind)", expected: "a name")
        }
        if reader == nil {
          reader = Reader(unit: inMilliseconds != nil || isMooncake ? 1e-3 : 1)
        }
        try reader!.add(
          arrival: seconds, input: tokens(inputs), output: tokens(outputs), prefix: name,
          prefixTokens: name != nil && value(prefixTokens) != nil ? tokens(prefixTokens) : nil)
      }
    }
    guard let reader else {
      throw InputError(problem: "holds no request", expected: "one JSON object a line")
    }
    return try reader.finished()
  }

  // MARK: Checks

  private struct Reader {
    let unit: Double
    var requests: [ServingRequest] = []
    var first: Double?
    var last = 0.0

    init(unit: Double) { self.unit = unit }

    mutating func add(
      arrival: Double, input: Int, output: Int, prefix: String?, prefixTokens: Int?
    ) throws {
      for (field, value) in [("input", input), ("output", output)] {
        guard ServingRequest.lengths.contains(value) else {
          throw InputError(
            field, problem: "is \(value)",
            expected: "1 to \(ServingRequest.lengths.upperBound) tokens")
        }
      }
      guard requests.count < RequestTrace.mostRequests else {
        throw InputError(
          problem: "is one too many", expected: "at most \(RequestTrace.mostRequests) requests")
      }
      let start = first ?? arrival
      let seconds = (arrival - start) * unit
      guard seconds.isFinite, seconds >= last else {
        throw InputError(
          "arrival", problem: "goes back to \(seconds) s after \(last) s",
          expected: "times that do not fall")
      }
      first = start
      last = seconds
      var shared: ServingRequest.Prefix?
      if let prefix {
        guard let prefixTokens, (0...input).contains(prefixTokens) else {
          throw InputError(
            "prefix_tokens", problem: prefixTokens.map { "is \($0)" } ?? "is not given",
            expected: "0 to the \(input) tokens of the prompt that begins so")
        }
        shared = ServingRequest.Prefix(name: prefix, tokens: prefixTokens)
      }
      requests.append(
        ServingRequest(input: input, output: output, arrival: seconds, prefix: shared))
    }

    func finished() throws -> [ServingRequest] {
      guard !requests.isEmpty else {
        throw InputError(problem: "holds no request", expected: "at least one")
      }
      return requests
    }
  }
}
