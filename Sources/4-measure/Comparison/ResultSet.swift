import Foundation
import Input
import Records

/// Records read from a file of JSON that `dyno bench` wrote.
public struct ResultSet: Sendable {
  public let name: String
  public let records: [ThroughputRecord]

  public init(name: String, records: [ThroughputRecord]) throws {
    guard !records.isEmpty else { throw InputError(name, problem: "holds no results") }
    self.name = name
    self.records = try within(name) { try records.map { try $0.checked() } }
  }

  public init(contentsOf path: String) throws {
    try self.init(
      name: path,
      records: within(path) { try Self.records(InputFile.resultSet.data(at: path)) })
  }

  private struct Versioned: Decodable { let schemaVersion: Int? }

  private static func records(_ data: Data) throws -> [ThroughputRecord] {
    let expected = "an array of records, as bench writes it in JSON"
    // Says where it is broken, and refuses what two readers would read differently.
    _ = try JSONValue(parsing: data)
    guard let versions = try? RecordText.decode([Versioned].self, data) else {
      throw InputError(problem: "is no result set, or only a part of one", expected: expected)
    }
    for version in versions.map(\.schemaVersion) where version != ThroughputRecord.currentSchema {
      throw InputError(
        problem: "has records of schema version \(version.map(String.init) ?? "none")",
        expected: "\(ThroughputRecord.currentSchema)")
    }
    do { return try RecordText.decode([ThroughputRecord].self, data) } catch {
      throw InputError(problem: "has a broken record: \(detail(error))", expected: expected)
    }
  }

  private static func detail(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is of the wrong kind"
    default: "\(error)"
    }
  }
}
