import Foundation
import Input
import TestSupport
import Testing

@Suite struct TokenSequencesTests {
  /// A `.npy` file as NumPy writes it: magic, version, length of the header, header, numbers.
  private func npy(
    _ header: String, _ numbers: [UInt8], version: UInt8 = 1, length: Int? = nil
  ) -> Data {
    let count = length ?? header.utf8.count
    var data = Data([0x93] + Array("NUMPY".utf8) + [version, 0])
    data.append(contentsOf: (0..<(version == 1 ? 2 : 4)).map { UInt8(count >> (8 * $0) & 255) })
    data.append(contentsOf: header.utf8)
    data.append(contentsOf: numbers)
    return data
  }

  private func bytes<Number: FixedWidthInteger>(_ numbers: [Number]) -> [UInt8] {
    numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
  }

  private func expectRefusal(
    _ data: Data, rawAs raw: TokenSequences.RawTokenType? = nil, _ parts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: InputError.self, sourceLocation: sourceLocation) {
      try TokenSequences(parsing: data, rawAs: raw)
    }
    let text = error?.description ?? ""
    for part in parts {
      #expect(text.contains(part), "\(text)", sourceLocation: sourceLocation)
    }
  }

  private let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }\n"

  @Test func allTypesOfNumPy() throws {
    func read(_ descr: String, _ numbers: [UInt8], version: UInt8 = 1) throws -> [Int32] {
      let text = header.replacing("<i8", with: descr)
      return try TokenSequences(parsing: npy(text, numbers, version: version)).ids
    }
    #expect(try read("<i8", bytes([5, 0, 70_000] as [Int64])) == [5, 0, 70_000])
    #expect(try read("<i4", bytes([5, 0, 70_000] as [Int32]), version: 2) == [5, 0, 70_000])
    #expect(try read("<u4", bytes([5, 0, 70_000] as [UInt32]), version: 3) == [5, 0, 70_000])
    #expect(try read("<u2", bytes([5, 0, 65_535] as [UInt16])) == [5, 0, 65_535])
  }

  @Test func rowsAreDocuments() throws {
    let text = "{\"shape\": (2, 3), \"fortran_order\": False, \"descr\": \"<u2\"}   \n"
    let read = try TokenSequences(parsing: npy(text, bytes([1, 2, 3, 4, 5, 6] as [UInt16])))
    #expect(read.ids == [1, 2, 3, 4, 5, 6])
    #expect(read.documents == [0..<3, 3..<6])
    #expect(read.prefix(4).documents == [0..<3, 3..<4])
    #expect(read.prefix(3).documents == [0..<3])
    #expect(read.prefix(9) == read)
  }

  @Test func brokenNumPyFiles() {
    let numbers = bytes([1, 2, 3] as [Int64])
    expectRefusal(npy(header, numbers.dropLast()), "[3]", "23 bytes", "truncated")
    expectRefusal(npy(header, numbers + [0]), "25 bytes")
    expectRefusal(npy(header.replacing("<i8", with: ">i8"), numbers), ">i8", "little-endian")
    expectRefusal(npy(header.replacing("<i8", with: "<f4"), numbers), "<f4")
    expectRefusal(
      npy(header.replacing("'<i8'", with: "[('a', '<i8')]"), numbers), "several fields")
    expectRefusal(npy(header.replacing("(3,)", with: "()"), bytes([1])), "0 dimensions")
    expectRefusal(npy(header.replacing("(3,)", with: "(1, 1, 3)"), numbers), "3 dimensions")
    expectRefusal(
      npy("{'descr': '<i8', 'fortran_order': True, 'shape': (3, 1), }", numbers), "Fortran order")
    expectRefusal(npy(header.replacing("(3,)", with: "(0,)"), []), "no tokens")
    expectRefusal(npy(header.replacing("(3,)", with: "(0, 9)"), []), "no tokens")
    expectRefusal(npy(header.replacing("(3,)", with: "(9223372036854775807, 0)"), []), "shape")
    expectRefusal(npy(header.replacing("(3,)", with: "(4611686018427387904,)"), numbers), "shape")
    expectRefusal(npy(header.replacing("(3,)", with: "(99999999999999999999,)"), numbers), "size")
    expectRefusal(npy(header.replacing("(3,)", with: "(-3,)"), numbers), "size")
    expectRefusal(npy(header, numbers, version: 4), "version 4.0")
    expectRefusal(npy(header, numbers, length: 60_000), "header")
    expectRefusal(npy(header.replacing("descr", with: "dtype"), numbers), "dtype")
    expectRefusal(npy(header.replacing("'shape'", with: "'descr'"), numbers), "descr")
    expectRefusal(npy("{'descr': '<i8'}", numbers), "shape")
    expectRefusal(npy("{'descr': '<i8", numbers), "without an end")
    expectRefusal(npy("", numbers), "header")
    expectRefusal(Data([0x93] + Array("NUMPY".utf8)), "header")
    expectRefusal(npy(header, bytes([1, -2, 3] as [Int64])), "token 1", "-2")
    expectRefusal(npy(header, bytes([1, 2, 1 << 40] as [Int64])), "token 2")
    expectRefusal(npy(header, numbers), rawAs: .uint16, "says its type")
  }

  @Test func everyPrefixOfAFileIsRefused() {
    let file = npy(header, bytes([1, 2, 3] as [Int64]))
    for count in 0..<file.count { expectRefusal(file.prefix(count), "expected") }
    // Slices do not start at 0.
    #expect(throws: Never.self) { try TokenSequences(parsing: (Data([7]) + file).dropFirst()) }
  }

  @Test func json() throws {
    func read(_ text: String) throws -> TokenSequences {
      try TokenSequences(parsing: Data(text.utf8))
    }
    #expect(try read(" [1, 2, 3]\n").documents == [0..<3])
    let documents = try read("[[1, 2], [], [3]]")
    #expect(documents.ids == [1, 2, 3] && documents.documents == [0..<2, 2..<3])
    expectRefusal(Data("[1, 2.5]".utf8), "token 1", "2.5")
    expectRefusal(Data("[1, [2]]".utf8), "token 1", "an array")
    expectRefusal(Data("[[1], 2]".utf8), "document 1", "2")
    expectRefusal(Data("[[1], [\"a\"]]".utf8), "document 1", "token 0")
    expectRefusal(Data("[[1], [-1]]".utf8), "document 1, token 0", "-1")
    expectRefusal(Data("[]".utf8), "no tokens")
    expectRefusal(Data("[[], []]".utf8), "no tokens")
    expectRefusal(Data("[1, ".utf8), "line 1")
    expectRefusal(Data("{\"a\": 1}".utf8), "neither", "--token-type")
    expectRefusal(Data(), "neither")
  }

  @Test func rawIds() throws {
    let numbers: [UInt16] = [7, 0, 65_535]
    let read = try TokenSequences(parsing: Data(bytes(numbers)), rawAs: .uint16)
    #expect(read.ids == [7, 0, 65_535] && read.documents == [0..<3])
    #expect(
      try TokenSequences(parsing: Data(bytes([1, 70_000] as [UInt32])), rawAs: .uint32).ids
        == [1, 70_000])
    expectRefusal(Data(bytes(numbers)), rawAs: .uint32, "6 bytes")
    expectRefusal(Data([1, 2, 3]), rawAs: .uint16, "3 bytes")
    expectRefusal(Data(), rawAs: .uint16, "no tokens")
    expectRefusal(
      Data(bytes([UInt16](repeating: 50_000, count: 8))), rawAs: .uint32, "token 0", "uint16")
  }

  /// First ids may be the bytes that other files begin with, here those of gzip and of ZIP.
  @Test(arguments: [[35_615, 8, 7], [19_280, 1027, 7]] as [[UInt16]])
  func rawFilesMayBeginWithAnything(ids: [UInt16]) throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("val.bin")
      try Data(bytes(ids)).write(to: file)
      let read = try TokenSequences(file: file.path, rawAs: .uint16)
      #expect(read.ids == ids.map { Int32($0) })
      let error = #expect(throws: InputError.self) { try TokenSequences(file: file.path) }
      let text = error?.description ?? ""
      #expect(text.contains("gzip") || text.contains("ZIP archive"), "\(text)")
    }
  }

  @Test func idsBeyondTheVocabulary() throws {
    func problem(
      _ tokens: @autoclosure () throws -> TokenSequences, _ vocabulary: Int = 50_257
    ) -> String {
      do { try tokens().check(vocabulary: vocabulary) } catch { return "\(error)" }
      return ""
    }
    let listed = try TokenSequences([[1, 2], [3, 50_257]])
    #expect(problem(listed, 50_258) == "")
    let text = problem(listed)
    #expect(text.contains("document 1, token 1") && text.contains("0 to 50256"), "\(text)")
    #expect(!text.contains("uint"))
    let ids = (0..<100).map { UInt32($0 * 509 % 50_257) }
    let wide = Data(bytes(ids))
    let narrow = Data(bytes(ids.map { UInt16($0) }))
    #expect(problem(try TokenSequences(parsing: wide, rawAs: .uint32)) == "")
    #expect(problem(try TokenSequences(parsing: narrow, rawAs: .uint16)) == "")
    #expect(problem(try TokenSequences(parsing: wide, rawAs: .uint16)).contains("uint32"))
    #expect(problem(try TokenSequences(parsing: narrow, rawAs: .uint32)).contains("uint16"))
    // Ids beyond 16 bits: every second number of 16 bits is 0 or 1.
    let large = Data(bytes(ids.map { $0 + 60_000 }))
    #expect(problem(try TokenSequences(parsing: large, rawAs: .uint16), 128_256).contains("uint32"))
  }
}
