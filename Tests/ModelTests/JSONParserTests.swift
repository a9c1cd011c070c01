import Foundation
import Input
import TestSupport
import Testing

@Suite struct JSONParserTests {
  private func parsed(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: Data(text.utf8))
  }

  /// What is wrong, and where: readers that stop elsewhere, or nowhere, mean something else.
  @Test(arguments: [
    ("{\"a\": 1,\n  \"a\": 2}", "line 2, column 3: key \"a\" is there twice; expected once"),
    (#"{"x": {"a": 1, "\u0061": 2}}"#, "line 1, column 16: key \"a\" is there twice"),
    ("{\"a\": Infinity}", "line 1, column 7: Infinity is no number of JSON"),
    ("[1, -Infinity]", "line 1, column 5: -Infinity is no number of JSON"),
    ("[\n\n  NaN]", "line 3, column 3: NaN is no number of JSON; expected a finite number"),
    ("[\"é\", nan]", "line 1, column 7: nan is no number of JSON"),
    ("[True]", "column 2: True is no word of JSON; expected true, false or null"),
    ("[1e999]", "column 2: 1e999 is beyond 64-bit floats"),
    ("[01]", "column 2: holds a number with leading zeros"),
    ("[.5]", "column 2: holds \".\" in place of a value"),
    ("[1.]", "column 4: holds \"]\" after a point"),
    ("[1e]", "column 4: holds \"]\" in an exponent"),
    ("[+1]", "column 2: holds \"+\" in place of a value"),
    ("[-]", "column 2: holds a sign without a number"),
    ("[1,]", "column 4: holds \"]\" in place of a value"),
    ("[1 2]", "column 4: holds \"2\" after an element; expected a comma or ]"),
    ("{\"a\": 1,}", "column 9: holds \"}\" in place of a key"),
    ("{a: 1}", "column 2: holds \"a\" in place of a key; expected a name in double quotes"),
    ("{\"a\" 1}", "column 6: holds \"1\" after a key; expected a colon"),
    ("{\"a\": 1", "column 8: ends too early: this is only a part of it; expected a comma or }"),
    ("[1] x", "column 5: goes on after its end with \"x\""),
    ("", "line 1, column 1: is empty"),
    (" \n", "line 2, column 1: is empty"),
    ("\"a\nb\"", "line 1, column 3: holds a control character"),
    ("\"abc", "column 5: ends too early: this is only a part of it; expected a closing quote"),
    (#""\x""#, "holds \\ before \"x\" in a string"),
    (#""\u12g4""#, "four hexadecimal digits"),
    (#""\ud800""#, "half of a surrogate pair"),
    (#""\udc00\ud800""#, "half of a surrogate pair"),
    ("// no\n{}", "line 1, column 1: holds \"/\" in place of a value"),
  ])
  func errorsSayWhere(text: String, expected: String) {
    let error = #expect(throws: InputError.self) { try parsed(text) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }

  /// No small file makes a deep or a large tree.
  @Test func treesAreBounded() throws {
    func refusal(_ text: String, mostValues: Int = .max) -> String {
      let error = #expect(throws: InputError.self) {
        try JSONValue(parsing: Data(text.utf8), mostValues: mostValues)
      }
      return error?.description ?? ""
    }
    let deep = String(repeating: "[", count: 100_000)
    #expect(refusal(deep).contains("line 1, column 130: is nested too deep"))
    let objects =
      String(repeating: "{\"a\":", count: 200) + "1" + String(repeating: "}", count: 200)
    #expect(refusal(objects).contains("is nested too deep"))
    #expect(refusal("[1, 2, 3]", mostValues: 3).contains("column 8: holds too many values"))
    #expect(try JSONValue(parsing: Data("[1, 2, 3]".utf8), mostValues: 4) != .null)
  }

  @Test func bytesThatAreNotUTF8() {
    let error = #expect(throws: InputError.self) {
      try JSONValue(parsing: Data([0x5B, 0x22, 0xC3, 0x28, 0x22, 0x5D]))
    }
    #expect(error?.description.contains("line 1, column 3") == true)
    #expect(throws: InputError.self) {
      try JSONValue(parsing: Data([0x22, 0xED, 0xA0, 0x80, 0x22]))
    }
  }

  @Test func values() throws {
    #expect(
      try parsed(#" {"a": [1, -2, 2560.0, 1e4, 0.5, -0.0, 1e-400], "b": null, "c": {}} "#)
        == .object([
          "a": .array([
            .integer(1), .integer(-2), .integer(2560), .integer(10000), .number(0.5), .integer(0),
            .integer(0),
          ]), "b": .null, "c": .object([:]),
        ]))
    #expect(
      try parsed(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#) == .string("\"\\/\u{8}\u{C}\n\r\té😀é"))
    #expect(try parsed("\u{FEFF}true") == .bool(true))
    // Beyond Int: still a number, and no integer to whoever asks for one.
    #expect(try parsed("9223372036854775807") == .integer(.max))
    #expect(try parsed("9223372036854775808") == .number(0x1p63))
    // Rounded, it is no integer that anybody wrote.
    #expect(try parsed("92233720368547751.807") == .number(92233720368547751.807))
    let object = try JSONObject(parsing: Data(#"{"n": 18446744073709551616}"#.utf8))
    #expect(try object.double("n") == 0x1p64)
    let error = #expect(throws: InputError.self) { try object.int("n") }
    #expect(error?.description.contains("expected an integer") == true)
  }

  /// What both accept, both read alike.
  @Test func agreesWithFoundation() throws {
    let folder = Files.root.appendingPathComponent("profiles")
    let files = try #require(FileManager.default.enumerator(atPath: folder.path))
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }
    #expect(files.count > 20)
    for file in files {
      let data = try Data(contentsOf: folder.appendingPathComponent(file))
      #expect(
        try JSONValue(parsing: data) == JSONDecoder().decode(JSONValue.self, from: data), "\(file)")
    }
  }

  /// Whatever bytes there are, the answer is a value or a refusal with a place.
  @Test func damageIsRefusedOrHarmless() throws {
    let sound = Array(
      try Data(contentsOf: Files.root.appendingPathComponent("profiles/laws/conditional-1b.json")))
    var random = SystemRandomNumberGenerator()
    var refused = 0
    for _ in 0..<3000 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      do {
        _ = try JSONValue(parsing: Data(bytes.prefix(Int.random(in: 1...bytes.count))))
      } catch let
        error as InputError
      {
        refused += 1
        #expect(error.location.first?.hasPrefix("line ") == true)
      }
    }
    #expect(refused > 1000)
  }
}
