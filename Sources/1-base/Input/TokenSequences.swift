import Foundation

/// Token ids of texts, as a tokenizer made them.
public struct TokenSequences: Sendable, Equatable {
  /// Of all documents, one after another.
  public let ids: [Int32]
  /// The places in `ids` of each document; none is empty, and none continues another.
  public let documents: [Range<Int>]
  /// What a file of raw ids was read as.
  private let raw: RawTokenType?

  /// How ids are stored in a file that holds nothing else (nanoGPT's and Megatron's `.bin`).
  public enum RawTokenType: String, CaseIterable, Sendable {
    case uint16, uint32

    fileprivate var bytes: Int { self == .uint16 ? 2 : 4 }
  }

  /// - Throws: `InputError` for ids that no vocabulary has, and where there are none.
  public init(_ documents: [[Int]]) throws {
    var ids: [Int32] = []
    ids.reserveCapacity(documents.reduce(0) { $0 + $1.count })
    var places: [Range<Int>] = []
    for (document, tokens) in documents.enumerated() where !tokens.isEmpty {
      places.append(ids.count..<ids.count + tokens.count)
      for (position, token) in tokens.enumerated() {
        guard (0...Int(Int32.max)).contains(token) else {
          throw InputError(
            documents.count > 1 ? "document \(document), token \(position)" : "token \(position)",
            problem: "is \(token)", expected: "an id, 0 to \(Int32.max)")
        }
        ids.append(Int32(truncatingIfNeeded: token))
      }
    }
    try self.init(ids, places, raw: nil)
  }

  private init(_ ids: [Int32], _ documents: [Range<Int>], raw: RawTokenType?) throws {
    guard !ids.isEmpty else { throw InputError(problem: "holds no tokens") }
    self.init(ids: ids, documents: documents, raw: raw)
  }

  // MARK: Files

  public static let kinds = "a .npy file, a JSON array of ids or of arrays of ids, or raw ids"

  /// Reads a file of token ids: NumPy's `.npy` (int32, int64, uint16 or uint32; rows of two
  /// dimensions are documents), JSON (an array of ids, or of arrays of ids, a document each), or raw
  /// little-endian ids, which do not tell what they are.
  ///
  /// - Parameter raw: what ids of a raw file are stored as.
  /// - Throws: `InputError`, located in the file.
  public init(file path: String, rawAs raw: RawTokenType? = nil) throws {
    self = try within(path) {
      let reader = raw == nil ? InputFile.tokens : .rawTokens
      return try TokenSequences(parsing: reader.data(at: path), rawAs: raw)
    }
  }

  /// The same of a file's contents.
  public init(parsing data: Data, rawAs raw: RawTokenType? = nil) throws {
    let isArray = data.starts(with: NumPyIntegers.magic)
    if let raw {
      guard !isArray else {
        throw InputError(
          problem: "is a .npy file, which says its type itself",
          expected: "no type of raw tokens with it")
      }
      self = try Self.raw(data, raw)
    } else if isArray {
      let array = try NumPyIntegers(parsing: data)
      let width = array.shape.last!
      try self.init(
        array.shape.count == 1 || width == 0
          ? [array.values]
          : (0..<array.shape[0]).map { Array(array.values[$0 * width..<($0 + 1) * width]) })
    } else if data.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "[") {
      try self.init(Self.documents(ofJSON: JSONValue(parsing: data)))
    } else {
      throw InputError(
        problem: "starts like neither a .npy file nor a JSON array",
        expected: "one of these, or raw ids and their type, uint16 or uint32 (--token-type)")
    }
  }

  private static func documents(ofJSON value: JSONValue) throws -> [[Int]] {
    guard case .array(let elements) = value else {
      throw InputError(problem: "holds \(value.kind)", expected: kinds)
    }
    if case .array = elements.first {
      return try elements.enumerated().map { index, element in
        guard case .array(let tokens) = element else {
          throw InputError(
            "document \(index)", problem: "is \(element.kind)", expected: "an array of ids")
        }
        return try within("document \(index)") { try ids(tokens) }
      }
    }
    return [try ids(elements)]
  }

  private static func ids(_ values: [JSONValue]) throws -> [Int] {
    try values.enumerated().map { position, value in
      guard case .integer(let id) = value else {
        throw InputError("token \(position)", problem: "is \(value.kind)", expected: "an id")
      }
      return id
    }
  }

  private static func raw(_ data: Data, _ type: RawTokenType) throws -> TokenSequences {
    guard data.count % type.bytes == 0 else {
      throw InputError(
        problem: "takes \(data.count) bytes, which are no whole number of \(type.rawValue)",
        expected: "a multiple of \(type.bytes)")
    }
    // Files may be large: ids become what they stay, without a wider copy between.
    var ids: [Int32] = []
    ids.reserveCapacity(data.count / type.bytes)
    try data.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: type.bytes) {
        switch type {
        case .uint16:
          let id = bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self)
          ids.append(Int32(UInt16(littleEndian: id)))
        case .uint32:
          let stored = bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
          let number = UInt32(littleEndian: stored)
          // Two ids of 16 bits read as one of 32 may be beyond any vocabulary.
          guard let id = Int32(exactly: number) else {
            throw InputError(
              "token \(start / 4)", problem: "is \(number)",
              expected: "an id, 0 to \(Int32.max): are these uint16?")
          }
          ids.append(id)
        }
      }
    }
    return try TokenSequences(ids, [0..<ids.count], raw: type)
  }

  // MARK: Use

  /// Refuses ids that a model does not have, and raw files that were read as the wrong type.
  ///
  /// - Parameter vocabulary: how many ids the model has.
  public func check(vocabulary: Int) throws {
    if let place = ids.firstIndex(where: { $0 >= vocabulary }) {
      let hint =
        switch raw {
        case .uint16: ": are these uint32?"
        case .uint32: ": are these uint16?"
        case nil: ""
        }
      throw InputError(
        location(of: place), problem: "is \(ids[place]), outside the vocabulary",
        expected: "0 to \(vocabulary - 1)\(hint)")
    }
    // The upper halves of ids of 32 bits are small, and nothing else is so every second time.
    let upperHalves = stride(from: 1, to: ids.count, by: 2)
    let most = Int32(truncatingIfNeeded: (vocabulary - 1) >> 16)
    if raw == .uint16, ids.count >= 16, ids.count % 2 == 0,
      upperHalves.allSatisfy({ ids[$0] <= most })
    {
      throw InputError(
        problem: "has every second id at most \(most) when it is read as uint16",
        expected: "text: are these uint32?")
    }
  }

  private func location(of place: Int) -> String {
    let index = documents.firstIndex { $0.contains(place) }!
    return documents.count > 1
      ? "document \(index), token \(place - documents[index].lowerBound)" : "token \(place)"
  }

  /// The first tokens only.
  public func prefix(_ count: Int) -> TokenSequences {
    TokenSequences(
      ids: Array(ids.prefix(count)),
      documents: documents.compactMap { $0.lowerBound < count ? $0.clamped(to: 0..<count) : nil },
      raw: raw)
  }

  private init(ids: [Int32], documents: [Range<Int>], raw: RawTokenType?) {
    self.ids = ids
    self.documents = documents
    self.raw = raw
  }
}
