import Foundation
import Input
import Records

extension StoredResult {
  /// The record, without insisting on fields that other versions may lack.
  public func fields() throws -> JSONObject { try JSONObject(parsing: Data(record.utf8)) }
}

extension JSONObject {
  /// As `llama-bench` names tests, from a record's fields.
  public var testName: String {
    func count(_ field: String) -> Int { (try? int(field)) ?? 0 }
    return ThroughputRecord.testName(
      prompt: count("n_prompt"), generate: count("n_gen"), depth: count("n_depth"))
  }
}
