import Foundation
import Input
import Records

extension StoredResult {
  /// The record, without insisting on fields that other versions may lack.
  public func fields() throws -> JSONObject { try JSONObject(parsing: Data(record.utf8)) }
}

extension JSONObject {
  /// As `llama-bench` names tests, from a record's fields.
  ///
  /// - Throws: `InputError` where one is no count; one that is absent is 0.
  public func testName() throws -> String {
    func count(_ field: String) throws -> Int { try self.count(field, in: 0...Int.max, default: 0) }
    return try ThroughputRecord.testName(
      prompt: count("n_prompt"), generate: count("n_gen"), depth: count("n_depth"))
  }
}
