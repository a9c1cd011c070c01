import Foundation
import Input
import Records
import Store

/// What a report is made from: the records of stores and of files that our commands print as JSON.
public struct ReportInput: Sendable {
  /// One record, and the file that it is of.
  struct Record: Sendable {
    let kind: RecordKind
    let source: String
    let fields: JSONObject
  }

  let records: [Record]
  /// Names of the files.
  let sources: [String]

  /// - Parameter paths: stores and files of JSON or JSON Lines.
  /// - Throws: `InputError` for a file that holds anything else: none is read by half.
  public init(contentsOf paths: [String]) throws {
    // Files of one name are told apart by their paths.
    let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }
    let sources = Set(names).count == names.count ? names : paths
    let records = try zip(paths, sources).flatMap { path, source in
      try within(path) { try Self.records(ofFile: path, source) }
    }
    self.init(records, sources: sources)
  }

  /// - Parameters:
  ///   - json: texts as our commands print them, by names for their source.
  package init(json: [(source: String, text: String)]) throws {
    let records = try json.flatMap { source, text in
      try within(source) { try Self.records(Data(text.utf8), source) }
    }
    self.init(records, sources: json.map(\.source))
  }

  private init(_ records: [Record], sources: [String]) {
    self.records = records
    self.sources = sources
  }

  func of(_ kind: RecordKind) -> [Record] { records.filter { $0.kind == kind } }

  /// Reads records of one kind; errors name their file.
  func map<Value>(
    _ kind: RecordKind, _ read: (Record) throws -> Value
  ) throws -> [Value] {
    try of(kind).map { record in try within(record.source) { try read(record) } }
  }

  // MARK: Files

  /// The beginning of every SQLite file.
  private static let database = Data("SQLite format 3\0".utf8)

  private static func records(ofFile path: String, _ name: String) throws -> [Record] {
    let beginning = try? Self.beginning(ofFile: path)
    guard beginning == database else {
      return try records(InputFile.resultSet.data(at: path), name)
    }
    return try records(ofStore: path, name)
  }

  /// The first bytes of a regular file: opening a pipe might wait for ever.
  private static func beginning(ofFile path: String) throws -> Data? {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let attributes = try FileManager.default.attributesOfItem(atPath: target)
    guard attributes[.type] as? FileAttributeType == .typeRegular else { return nil }
    let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: target))
    defer { try? handle.close() }
    return try handle.read(upToCount: database.count)
  }

  /// The results of a store, last attempts only, and their history.
  private static func records(ofStore path: String, _ name: String) throws -> [Record] {
    var filter = ResultFilter()
    filter.lastAttemptsOnly = true
    let results = try ResultStore(path, .reading).results(filter)
    var records = try results.map { try record($0.fields(), name) }
    let history = try History(results)
    if history.series.contains(where: { $0.points.count > 1 }) {
      records.append(try record(JSONObject(parsing: Data(JSONText.encode(history).utf8)), name))
    }
    guard !records.isEmpty else { throw InputError(problem: "holds no results") }
    return records
  }

  private static func records(_ data: Data, _ name: String) throws -> [Record] {
    let values: [JSONValue]
    if let lines = lines(data) {
      values = try lines.map { line in
        try within("line \(line.number)") { try JSONValue(parsing: line.data) }
      }
    } else {
      let document = try JSONValue(parsing: data)
      if case .array(let elements) = document { values = elements } else { values = [document] }
    }
    guard !values.isEmpty else { throw InputError(problem: "holds no results") }
    return try values.enumerated().map { index, value in
      try within("record \(index + 1)") {
        guard case .object(let fields) = value else {
          throw InputError(problem: "is \(value.kind)", expected: RecordKind.expected)
        }
        return try record(JSONObject(fields), name)
      }
    }
  }

  private static func record(_ fields: JSONObject, _ source: String) throws -> Record {
    Record(kind: try RecordKind.of(fields), source: source, fields: fields)
  }

  /// The lines of JSON Lines: of a text whose first line is an object by itself, and not all of it.
  private static func lines(_ data: Data) -> [(number: Int, data: Data)]? {
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated().map { (number: $0.offset + 1, data: Data($0.element)) }
      .filter { $0.data.contains { !" \t\r".utf8.contains($0) } }
    guard lines.count > 1, case .object? = try? JSONValue(parsing: lines[0].data) else {
      return nil
    }
    return lines
  }
}
