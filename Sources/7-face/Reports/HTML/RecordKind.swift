import Input
import Records

/// The kinds of record that reports are made from: what our commands print as JSON.
///
/// A record is recognised by keys that only its kind has. This is the one list of them.
public enum RecordKind: CaseIterable, Sendable {
  case throughput, failure, history, comparison, gateErrors, quality
  case prediction, serving, search, calibration

  /// Keys that all records of this kind have, and together no other one.
  var signature: [String] {
    switch self {
    case .throughput: ["model_type", "n_gen", "median_ts", "samples_ns"]
    case .failure: ["model_type", "n_gen", "failure"]
    case .history: ["series", "level_of_series"]
    case .comparison: ["baseline", "candidate", "cells", "family_error"]
    case .gateErrors: ["false_alarms", "injected_slowdown", "found"]
    case .quality: ["perplexity", "loss", "type_weights"]
    case .prediction: ["largest_batch", "total_tokens_per_second", "interval90"]
    case .serving: ["load", "ttft_s", "tpot_s", "requests_per_second"]
    case .search: ["front", "candidates", "scenarios", "quantity"]
    case .calibration: ["device", "ladder", "rejected"]
    }
  }

  /// What prints it.
  var command: String {
    switch self {
    case .throughput: "dyno bench, dyno results"
    case .failure: "dyno results --failed"
    case .history: "dyno history"
    case .comparison: "dyno compare, dyno ab"
    case .gateErrors: "dyno ab --self-test"
    case .quality: "dyno quality"
    case .prediction: "dyno predict"
    case .serving: "dyno predict or bench, with --concurrency"
    case .search: "dyno search"
    case .calibration: "dyno calibrate"
    }
  }

  /// The version of the schemas that carry one.
  private var schema: Int? {
    switch self {
    case .throughput, .failure: ThroughputRecord.currentSchema
    case .comparison: ComparisonRecord.currentSchema
    case .gateErrors: GateErrorRecord.currentSchema
    case .history, .quality, .prediction, .serving, .search, .calibration: nil
    }
  }

  /// For errors.
  static let expected =
    "JSON of "
    + allCases.map(\.command).joined(separator: "; ")

  /// The kind of a record.
  ///
  /// - Throws: `InputError` where it is of no known kind, or of another version of it.
  static func of(_ record: JSONObject) throws -> RecordKind {
    let fitting = allCases.filter { $0.signature.allSatisfy { record[$0] != nil } }
    guard let kind = fitting.first, fitting.count == 1 else {
      throw InputError(problem: "is nothing that reports are made from", expected: expected)
    }
    guard let schema = kind.schema else { return kind }
    let version = try record.int("schema_version")
    guard version == schema else {
      throw InputError(
        "schema_version", problem: version.map { "is \($0)" } ?? "is missing",
        expected: "\(schema)")
    }
    return kind
  }
}
