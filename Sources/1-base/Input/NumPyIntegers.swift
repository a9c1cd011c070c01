import Foundation

/// Integers of a NumPy `.npy` file (format versions 1 to 3 of `numpy.lib.format`): one or two
/// dimensions, little-endian, in C order. Anything else is refused rather than guessed at.
struct NumPyIntegers {
  /// One or two sizes.
  let shape: [Int]
  /// In the file's order, as they are stored; negative ones too.
  let values: [Int]

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private static let types: [(descr: String, bytes: Int, isSigned: Bool)] = [
    ("<i4", 4, true), ("<i8", 8, true), ("<u2", 2, false), ("<u4", 4, false),
  ]
  private static let expectedTypes = "int32, int64, uint16 or uint32, little-endian"

  init(parsing data: Data) throws {
    let (text, start) = try Self.header(data)
    var parser = HeaderParser(text)
    let header = try parser.header()
    guard let type = Self.types.first(where: { $0.descr == header.descr }) else {
      throw InputError(
        problem: "holds numbers of the type '\(header.descr)'", expected: Self.expectedTypes)
    }
    guard (1...2).contains(header.shape.count) else {
      throw InputError(
        problem: "has \(header.shape.count) dimensions",
        expected: "one, or two with a document in each row")
    }
    guard !header.isFortranOrder || header.shape.count == 1 else {
      throw InputError(
        problem: "is in Fortran order", expected: "C order: numpy.ascontiguousarray makes it")
    }
    var bytes = type.bytes
    for size in header.shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else { throw Self.mismatch(header.shape, data.count - start) }
      bytes = product
    }
    guard data.count - start == bytes else {
      throw Self.mismatch(header.shape, data.count - start)
    }
    shape = header.shape
    values = data.withUnsafeBytes { all in
      let numbers = UnsafeRawBufferPointer(rebasing: all[start...])
      func number<Number: FixedWidthInteger>(_: Number.Type, _ index: Int) -> Number {
        Number(
          littleEndian: numbers.loadUnaligned(
            fromByteOffset: index * MemoryLayout<Number>.size, as: Number.self))
      }
      return (0..<bytes / type.bytes).map { index in
        switch (type.bytes, type.isSigned) {
        case (2, _): Int(number(UInt16.self, index))
        case (4, true): Int(number(Int32.self, index))
        case (4, false): Int(number(UInt32.self, index))
        default: Int(number(Int64.self, index))
        }
      }
    }
  }

  private static func mismatch(_ shape: [Int], _ bytes: Int) -> InputError {
    InputError(
      problem: "has the shape \(shape) and \(bytes) bytes of numbers",
      expected: "as many as the shape needs: is it truncated?")
  }

  /// The header's text, and where numbers start.
  private static func header(_ data: Data) throws -> (text: [UInt8], start: Int) {
    let bytes = [UInt8](data.prefix(12))
    let cut = InputError(problem: "ends within its header", expected: "a whole .npy file")
    guard bytes.count >= 10 else { throw cut }
    let major = bytes[6]
    guard (1...3).contains(major), bytes[7] == 0 else {
      throw InputError(
        problem: "is a .npy file of version \(major).\(bytes[7])", expected: "version 1, 2 or 3")
    }
    let width = major == 1 ? 2 : 4
    guard bytes.count >= 8 + width else { throw cut }
    let length = bytes[8..<8 + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    let start = 8 + width + length
    guard start <= data.count else { throw cut }
    guard length <= 1 << 16 else {
      throw InputError(problem: "has a header of \(length) bytes", expected: "at most 65536")
    }
    return ([UInt8](data.dropFirst(8 + width).prefix(length)), start)
  }
}

/// Reads the literal of a Python dictionary that a `.npy` file starts with:
/// `{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }`.
private struct HeaderParser {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  mutating func header() throws -> (descr: String, isFortranOrder: Bool, shape: [Int]) {
    var descr: String?
    var isFortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where descr == nil: descr = try type()
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try truth()
      case "shape" where shape == nil: shape = try tuple()
      default: throw broken("the key '\(key)'")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard position == text.count else { throw broken("text behind it") }
    guard let descr, let isFortranOrder, let shape else {
      throw broken("no descr, fortran_order or shape")
    }
    return (descr, isFortranOrder, shape)
  }

  private mutating func type() throws -> String {
    skipSpace()
    guard position < text.count, text[position] != UInt8(ascii: "[") else {
      throw InputError(
        problem: "holds records of several fields", expected: "an array of whole numbers")
    }
    return try string()
  }

  private mutating func string() throws -> String {
    skipSpace()
    guard position < text.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(text[position])
    else { throw broken("no text in quotes") }
    let quote = text[position]
    let rest = text[(position + 1)...]
    guard let end = rest.firstIndex(of: quote) else { throw broken("a text without an end") }
    position = end + 1
    return String(decoding: rest[..<end].prefix(60), as: UTF8.self)
  }

  private mutating func truth() throws -> Bool {
    if take("True") { return true }
    if take("False") { return false }
    throw broken("neither True nor False")
  }

  /// `()`, `(3,)`, `(3, 4)`
  private mutating func tuple() throws -> [Int] {
    try expect("(")
    var sizes: [Int] = []
    while !take(")") {
      sizes.append(try size())
      if take(",") { continue }
      try expect(")")
      break
    }
    return sizes
  }

  private mutating func size() throws -> Int {
    skipSpace()
    let digits = text[position...].prefix { (0x30...0x39).contains($0) }
    guard let size = Int(String(decoding: digits, as: UTF8.self)) else {
      throw broken("no size in its shape")
    }
    position += digits.count
    return size
  }

  private mutating func take(_ word: String) -> Bool {
    skipSpace()
    guard text[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func expect(_ word: String) throws {
    guard take(word) else { throw broken("no \(word)") }
  }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x09, 0x0A].contains(text[position]) { position += 1 }
  }

  private func broken(_ what: String) -> InputError {
    InputError(problem: "has \(what) in its header", expected: "a .npy file as NumPy writes it")
  }
}
