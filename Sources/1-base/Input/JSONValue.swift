import Foundation

/// A JSON document whose types are still to be checked, for files that others write.
public enum JSONValue: Codable, Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  public init(from decoder: Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// Reads one JSON document, strictly: a key that is there twice is an error, as are numbers that
  /// JSON has no spelling for.
  ///
  /// - Throws: `InputError` with line and column.
  public init(parsing data: Data) throws {
    try self.init(parsing: data, mostValues: JSONParser.mostValues)
  }

  /// - Parameter mostValues: what holds more is refused.
  package init(parsing data: Data, mostValues: Int) throws {
    self = try JSONParser.parse(data, mostValues: mostValues)
  }

  /// What this is, for error messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): "\"\(value.prefix(60))\""
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// Typed reading of a JSON object's fields. `null` counts as absent, as it does in `config.json`.
public struct JSONObject: Sendable {
  public let fields: [String: JSONValue]

  public init(_ fields: [String: JSONValue]) { self.fields = fields }

  /// Parses `data`, which must hold one JSON object.
  public init(parsing data: Data) throws {
    let value = try JSONValue(parsing: data)
    guard case .object(let fields) = value else {
      throw InputError(problem: "holds \(value.kind)", expected: "a JSON object")
    }
    self.fields = fields
  }

  public subscript(_ field: String) -> JSONValue? {
    switch fields[field] {
    case nil, .null: nil
    case .some(let value): value
    }
  }

  /// Whether the field is there and explicitly null, which some fields give a meaning.
  public func isNull(_ field: String) -> Bool { fields[field] == .null }

  public func int(_ field: String) throws -> Int? {
    switch self[field] {
    case nil: return nil
    case .integer(let value): return value
    case .some(let value): throw mismatch(field, value, expected: "an integer")
    }
  }

  public func double(_ field: String) throws -> Double? {
    switch self[field] {
    case nil: return nil
    case .integer(let value): return Double(value)
    case .number(let value): return value
    case .some(let value): throw mismatch(field, value, expected: "a number")
    }
  }

  public func bool(_ field: String) throws -> Bool? {
    switch self[field] {
    case nil: return nil
    case .bool(let value): return value
    case .some(let value): throw mismatch(field, value, expected: "true or false")
    }
  }

  public func string(_ field: String) throws -> String? {
    switch self[field] {
    case nil: return nil
    case .string(let value): return value
    case .some(let value): throw mismatch(field, value, expected: "a string")
    }
  }

  public func array(_ field: String) throws -> [JSONValue]? {
    switch self[field] {
    case nil: return nil
    case .array(let value): return value
    case .some(let value): throw mismatch(field, value, expected: "an array")
    }
  }

  public func object(_ field: String) throws -> JSONObject? {
    switch self[field] {
    case nil: return nil
    case .object(let value): return JSONObject(value)
    case .some(let value): throw mismatch(field, value, expected: "an object")
    }
  }

  /// A number of things within `range`: what is added and multiplied later must not overflow.
  ///
  /// - Parameter absent: what an absent field means; without it the field must be there.
  public func count(
    _ field: String, in range: ClosedRange<Int>, default absent: Int? = nil
  ) throws -> Int {
    guard let value = try int(field) ?? absent else {
      throw InputError(
        field, problem: "is missing", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    guard range.contains(value) else {
      throw InputError(
        field, problem: "is \(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A number within `range`, which must be there.
  public func number(_ field: String, in range: ClosedRange<Double>) throws -> Double {
    let expected = "a number, \(range.lowerBound) to \(range.upperBound)"
    let value = try required(field, JSONObject.double, expected: expected)
    guard range.contains(value) else {
      throw InputError(field, problem: "is \(value)", expected: expected)
    }
    return value
  }

  /// The value of a field that must be there.
  public func required<Value>(
    _ field: String, _ read: (JSONObject) -> (String) throws -> Value?, expected: String
  ) throws -> Value {
    guard let value = try read(self)(field) else {
      throw InputError(field, problem: "is missing", expected: expected)
    }
    return value
  }

  private func mismatch(_ field: String, _ value: JSONValue, expected: String) -> InputError {
    InputError(field, problem: "is \(value.kind)", expected: expected)
  }
}
