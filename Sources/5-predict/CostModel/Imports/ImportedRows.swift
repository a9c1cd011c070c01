import Formats
import Foundation
import Input
import Records

/// Rows of somebody's table: those that can be used, and why the others cannot.
public struct ImportedRows<Row> {
  public var rows: [Row] = []
  /// Rows left out, each with its line and the reason.
  public var rejected: [InputError] = []

  public init() {}

  /// Reads every row of `table`. A row that `read` refuses is left out and named; a table that
  /// lacks a required column is refused whole.
  public init(
    _ table: DelimitedText, requiring columns: [String], _ read: (ImportedRow) throws -> Row?
  ) throws {
    for column in columns where !table.columns.contains(column) {
      throw InputError(
        "row 1", problem: "lacks column \"\(column)\"", expected: "a column of that name")
    }
    let index = Dictionary(uniqueKeysWithValues: table.columns.enumerated().map { ($1, $0) })
    for (line, cells) in table.rows {
      do {
        if let row = try read(ImportedRow(line: line, cells: cells, index: index)) {
          rows.append(row)
        }
      } catch let error as InputError {
        rejected.append(error.within("row \(line)"))
      }
    }
  }
}

/// One row of a table, read by column name.
public struct ImportedRow {
  public let line: Int
  let cells: [String]
  let index: [String: Int]

  public func optionalText(_ column: String) throws -> String? {
    guard let position = index[column] else { return nil }
    let text = cells[position].trimmingCharacters(in: .whitespaces)
    return text.isEmpty ? nil : text
  }

  public func text(_ column: String) throws -> String {
    guard let text = try optionalText(column) else {
      throw InputError(column, problem: "is missing", expected: "a value")
    }
    return text
  }

  public func optionalCount(_ column: String) throws -> Int? {
    try optionalText(column) == nil ? nil : count(column)
  }

  /// A count of at least 1: products of two still fit in an `Int`, larger ones no model has.
  public func count(_ column: String, atMost limit: Int = 1 << 28) throws -> Int {
    try count(column, in: 1...limit)
  }

  private func count(_ column: String, in range: ClosedRange<Int>) throws -> Int {
    let text = try text(column)
    guard let value = Int(text), range.contains(value) else {
      throw InputError(
        column, problem: "is \"\(text.prefix(40))\"",
        expected: "a count, \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A count of pairs or positions over all sequences of a step.
  public func total(_ column: String) throws -> Int {
    try count(column, atMost: WholeRun.mostPairs)
  }

  /// The same of a part of the step, which may have none.
  public func sum(_ column: String) throws -> Int {
    try count(column, in: 0...WholeRun.mostPairs)
  }

  public func positive(_ column: String) throws -> Double {
    let text = try text(column)
    guard let value = Double(text), value.isFinite, value > 0 else {
      throw InputError(column, problem: "is \"\(text.prefix(40))\"", expected: "a number above 0")
    }
    return value
  }

  /// A time in seconds, from one in units of `unit` seconds: between a nanosecond and a day.
  public func seconds(_ column: String, unit: Double) throws -> Double {
    let value = try positive(column) * unit
    guard (1e-9...86_400).contains(value) else {
      throw InputError(
        column, problem: "is \(value) s", expected: "a time between 1 ns and 1 day")
    }
    return value
  }

  /// How weights, a cache or a tensor are stored, by anybody's name for it.
  public func storage(_ column: String) throws -> NumberStorage {
    let text = try text(column)
    let spellings: [String: NumberStorage] = [
      "bfloat16": .bf16, "float16": .f16, "half": .f16, "fp16": .f16, "float32": .f32,
      "float": .f32, "fp32": .f32, "fp8_e4m3": .fp8, "fp8_static": .fp8, "int4_wo": .int4,
      "w4a16_mxfp4": .mxfp4,
    ]
    guard let format = NumberStorage(rawValue: text) ?? spellings[text.lowercased()] else {
      throw InputError(
        column, problem: "\"\(text.prefix(40))\" is not known",
        expected: NumberStorage.all.map(\.rawValue).joined(separator: ", "))
    }
    return format
  }

  public func dtype(_ column: String) throws -> DType {
    let text = try text(column)
    let spellings: [String: DType] = [
      "bfloat16": .bf16, "float16": .f16, "half": .f16, "fp16": .f16, "float32": .f32,
      "float": .f32, "fp32": .f32,
    ]
    guard let dtype = DType(rawValue: text) ?? spellings[text.lowercased()] else {
      throw InputError(
        column, problem: "\"\(text.prefix(40))\" is not known",
        expected: DType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return dtype
  }
}
