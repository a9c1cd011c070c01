import Foundation
import Input
import Numerics
import Records

/// Throughput of a store's results over the values of one field: a row for whatever else differs.
///
/// What was measured more than once (in blocks of a sweep, say) is pooled: the median of all samples.
public struct ResultPivot: Sendable {
  public enum Field: String, CaseIterable, Sendable {
    case architecture, dtype, cache, test, depth, batch, threads, commit

    fileprivate func value(_ fields: JSONObject) throws -> String {
      func count(_ field: String) throws -> String { "\(try fields.int(field) ?? 0)" }
      return switch self {
      case .architecture: try fields.string("model_type") ?? "–"
      case .dtype: try fields.string("type_weights") ?? "–"
      case .cache: try fields.string("type_k") ?? "–"
      case .test:
        ThroughputRecord.testName(
          prompt: try fields.int("n_prompt") ?? 0, generate: try fields.int("n_gen") ?? 0, depth: 0)
      case .depth: try count("n_depth")
      case .batch: try count("n_sequences")
      case .threads: try count("n_threads")
      case .commit: try fields.string("build_commit") ?? "–"
      }
    }
  }

  public struct Row: Sendable {
    /// Of `ResultPivot.fields`.
    public var labels: [String]
    /// Tokens a second for each of `ResultPivot.values`; `nil` where nothing was measured.
    public var rates: [Double?]
  }

  public let pivot: Field
  /// That rows are told apart by: the architecture, and those of which there are several values.
  public let fields: [Field]
  public let values: [String]
  public let rows: [Row]

  /// - Throws: `InputError` where a record is damaged.
  public init(_ results: [StoredResult], by pivot: Field) throws {
    let measured = try results.filter { $0.status == .measured }.map { result in
      let fields = try result.fields()
      let values = try Dictionary(
        uniqueKeysWithValues: Field.allCases.map { ($0, try $0.value(fields)) })
      return (values: values, samples: try Self.samples(fields))
    }
    func values(of field: Field) -> [String] {
      Array(Set(measured.map { $0.values[field]! })).sorted(by: Self.precedes)
    }
    self.pivot = pivot
    let fields = Field.allCases.filter {
      $0 != pivot && ($0 == .architecture || values(of: $0).count > 1)
    }
    self.fields = fields
    let columns = values(of: pivot)
    self.values = columns
    let rows = Dictionary(grouping: measured) { one in fields.map { one.values[$0]! } }
    self.rows = rows.sorted { left, right in
      let difference = zip(left.key, right.key).first { $0 != $1 }
      return difference.map(Self.precedes) ?? false
    }.map { labels, members in
      Row(
        labels: labels,
        rates: columns.map { value in
          let samples = members.filter { $0.values[pivot] == value }.flatMap(\.samples)
          return samples.isEmpty ? nil : Quantiles.median(samples)
        })
    }
  }

  private static func samples(_ fields: JSONObject) throws -> [Double] {
    try (fields.array("samples_ts") ?? []).map { value in
      switch value {
      case .integer(let rate): return Double(rate)
      case .number(let rate) where rate.isFinite: return rate
      default:
        throw InputError("samples_ts", problem: "holds \(value.kind)", expected: "rates")
      }
    }
  }

  /// Numbers by their size, also within names: pp64 before pp512.
  private static func precedes(_ left: String, _ right: String) -> Bool {
    left.compare(right, options: .numeric) == .orderedAscending
  }
}
