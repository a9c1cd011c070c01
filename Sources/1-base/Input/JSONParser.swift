import Foundation

/// A strict reader of JSON (RFC 8259) for files that others write.
///
/// Where it differs from Foundation's: a key that an object holds twice is refused (readers disagree
/// on which of the two counts), and every error says line and column. Nesting and the number of
/// values are bounded, so that no small file makes a deep or large tree.
struct JSONParser {
  private static let deepestNesting = 128
  static let mostValues = 4_000_000

  private let bytes: UnsafeRawBufferPointer
  private let mostValues: Int
  private var position = 0
  private var values = 0

  /// - Throws: `InputError` located by line and column, both from 1; columns count characters.
  static func parse(_ data: Data, mostValues: Int) throws -> JSONValue {
    try data.withUnsafeBytes { bytes in
      var parser = JSONParser(bytes: bytes, mostValues: mostValues)
      return try parser.document()
    }
  }

  private init(bytes: UnsafeRawBufferPointer, mostValues: Int) {
    self.bytes = bytes
    self.mostValues = mostValues
  }

  private mutating func document() throws -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    skipSpace()
    guard position < bytes.count else { throw fail("is empty", expected: "JSON") }
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else {
      throw fail("goes on after its end with \(here)", expected: "one JSON value")
    }
    return value
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    values += 1
    guard values <= mostValues else {
      throw fail("holds too many values", expected: "at most \(mostValues)")
    }
    guard depth <= Self.deepestNesting else {
      throw fail("is nested too deep", expected: "at most \(Self.deepestNesting) levels")
    }
    // At the end of the file: what begins no value.
    switch next ?? 0 {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: return try word()
    }
  }

  private mutating func object(depth: Int) throws -> [String: JSONValue] {
    position += 1
    var fields: [String: JSONValue] = [:]
    skipSpace()
    if take("}") { return fields }
    while true {
      guard next == UInt8(ascii: "\"") else {
        throw fail("holds \(here) in place of a key", expected: "a name in double quotes")
      }
      let start = position
      let key = try string()
      skipSpace()
      guard take(":") else { throw fail("holds \(here) after a key", expected: "a colon") }
      skipSpace()
      guard fields.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
        position = start
        throw fail("key \"\(key.prefix(60))\" is there twice", expected: "once")
      }
      skipSpace()
      if take("}") { return fields }
      guard take(",") else {
        throw fail("holds \(here) after a field", expected: "a comma or }")
      }
      skipSpace()
    }
  }

  private mutating func array(depth: Int) throws -> [JSONValue] {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return elements }
      guard take(",") else {
        throw fail("holds \(here) after an element", expected: "a comma or ]")
      }
      skipSpace()
    }
  }

  // MARK: Words and numbers

  private mutating func word() throws -> JSONValue {
    let start = position
    let text = lookAhead()
    position += text.utf8.count
    switch text {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default: break
    }
    position = start
    switch text.lowercased() {
    case "nan", "infinity", "inf", "+infinity", "+inf":
      throw fail("\(text) is no number of JSON", expected: "a finite number")
    case "true", "false", "none", "null":
      throw fail("\(text) is no word of JSON", expected: "true, false or null")
    default:
      throw fail("holds \(here) in place of a value", expected: "a JSON value")
    }
  }

  private mutating func number() throws -> JSONValue {
    let start = position
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
    var isInteger = true
    _ = take("-")
    guard isDigit(next) else {
      let rest = lookAhead()
      position = start
      throw rest.lowercased().hasPrefix("inf")
        ? fail("-\(rest) is no number of JSON", expected: "a finite number")
        : fail("holds a sign without a number", expected: "a number")
    }
    if take("0") {
      guard !isDigit(next) else {
        position = start
        throw fail("holds a number with leading zeros", expected: "a number without")
      }
    }
    while isDigit(next) { position += 1 }
    if take(".") {
      isInteger = false
      guard isDigit(next) else { throw fail("holds \(here) after a point", expected: "a digit") }
      while isDigit(next) { position += 1 }
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      guard isDigit(next) else {
        throw fail("holds \(here) in an exponent", expected: "a digit")
      }
      while isDigit(next) { position += 1 }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      position = start
      throw fail("\(text.prefix(40)) is beyond 64-bit floats", expected: "up to 1.8e308")
    }
    // 2560.0 and 1e4 are integers to whoever asks for one; beyond 2^53 every double would be.
    let exact = abs(number) <= 0x1p53 ? Int(exactly: number) : nil
    return exact.map(JSONValue.integer) ?? .number(number)
  }

  // MARK: Strings

  private mutating func string() throws -> String {
    position += 1
    var pieces = ""
    var start = position
    while true {
      guard let byte = next else { throw fail("ends inside a string", expected: "a closing quote") }
      switch byte {
      case UInt8(ascii: "\""):
        pieces += try text(start..<position)
        position += 1
        return pieces
      case UInt8(ascii: "\\"):
        pieces += try text(start..<position)
        position += 1
        pieces.unicodeScalars.append(try escaped())
        start = position
      case 0..<0x20:
        throw fail("holds a control character in a string", expected: "it escaped")
      default: position += 1
      }
    }
  }

  private mutating func text(_ range: Range<Int>) throws -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      position = range.lowerBound
      throw fail("holds a string that is not UTF-8", expected: "UTF-8 text")
    }
    return text
  }

  private mutating func escaped() throws -> Unicode.Scalar {
    defer { position += 1 }
    switch next {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try escapedScalar()
    default: throw fail("holds \\ before \(here) in a string", expected: "one of \"\\/bfnrtu")
    }
  }

  /// Behind `\u`: a scalar, or a pair of surrogates. Ends at its last digit.
  private mutating func escapedScalar() throws -> Unicode.Scalar {
    func digits() throws -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<4 {
        position += 1
        guard let digit = next.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
          throw fail("holds \(here) in an escape", expected: "four hexadecimal digits after \\u")
        }
        value = value << 4 | UInt32(digit)
      }
      return value
    }
    let first = try digits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    let isPair =
      first < 0xDC00 && position + 2 < bytes.count && bytes[position + 1] == UInt8(ascii: "\\")
      && bytes[position + 2] == UInt8(ascii: "u")
    if isPair {
      position += 2
      let second = try digits()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      {
        return scalar
      }
    }
    throw fail("holds half of a surrogate pair", expected: "both halves")
  }

  // MARK: Bytes

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  /// The letters and signs from here on, at most some dozen.
  private func lookAhead() -> String {
    let word = bytes[position...].prefix(24).prefix { byte in
      (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "+")
    }
    return String(decoding: word, as: UTF8.self)
  }

  /// What stands here, for errors.
  private var here: String {
    guard let byte = next else { return "the end of the file" }
    let word = lookAhead()
    if !word.isEmpty { return "\"\(word)\"" }
    return (0x21..<0x7F).contains(byte)
      ? "\"\(Character(Unicode.Scalar(byte)))\"" : "byte 0x\(String(byte, radix: 16))"
  }

  private func fail(_ problem: String, expected: String) -> InputError {
    // Whatever should have come: the cause is a file that was not written or fetched to its end.
    let isCut = position >= bytes.count && values > 0
    let problem = isCut ? "ends too early: this is only a part of it" : problem
    let before = bytes[..<min(position, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    // Bytes that continue a character of UTF-8 are no columns, nor is a byte order mark.
    let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    let mark = line == 1 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 1 : 0
    return InputError(
      "line \(line), column \(max(1, column - mark))", problem: problem, expected: expected)
  }
}
