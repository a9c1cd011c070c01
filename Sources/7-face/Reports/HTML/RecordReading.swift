import Input

// Typed reading of what records hold; errors name the field.

extension JSONObject {
  /// A number that must be there.
  func number(_ field: String) throws -> Double {
    try required(field, JSONObject.double, expected: "a number")
  }

  /// A text that must be there.
  func text(_ field: String) throws -> String {
    try required(field, JSONObject.string, expected: "a text")
  }

  /// An object that must be there.
  func part(_ field: String) throws -> JSONObject {
    try required(field, JSONObject.object, expected: "an object")
  }

  /// The objects of an array that must be there.
  func parts(_ field: String) throws -> [JSONObject] {
    let values = try required(field, JSONObject.array, expected: "an array of objects")
    return try values.enumerated().map { index, value in
      guard case .object(let fields) = value else {
        throw InputError(field, "\(index)", problem: "is \(value.kind)", expected: "an object")
      }
      return JSONObject(fields)
    }
  }

  /// Numbers; none where the field is absent.
  func numbers(_ field: String) throws -> [Double] {
    try (array(field) ?? []).map { value in
      switch value {
      case .integer(let number): Double(number)
      case .number(let number): number
      default: throw InputError(field, problem: "has \(value.kind)", expected: "numbers")
      }
    }
  }

  /// The two ends of an interval; `nil` where it is absent.
  func interval(_ field: String) throws -> ClosedRange<Double>? {
    guard self[field] != nil else { return nil }
    let ends = try numbers(field)
    guard ends.count == 2, ends[0] <= ends[1] else {
      throw InputError(field, problem: "is \(ends)", expected: "its two ends")
    }
    return ends[0]...ends[1]
  }
}
