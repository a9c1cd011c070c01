import Foundation
import Input
import Records

/// Host constants that were fitted, as JSON: `{"format": "dyno-host-constants", "version": 1, …}`.
public struct HostConstantsFile: Sendable {
  public var engine: String
  public var constants: HostConstants
  /// What they were fitted to, in words.
  public var origin: String

  private static let format = "dyno-host-constants"

  public init(engine: String, constants: HostConstants, origin: String) {
    self.engine = engine
    self.constants = constants
    self.origin = origin
  }

  /// - Throws: `InputError` that names the file and the field.
  public init(contentsOf path: String) throws {
    self = try within(path) {
      let fields = try JSONObject(parsing: InputFile.hostConstants.data(at: path))
      guard try fields.string("format") == Self.format else {
        throw InputError("format", problem: "is not \(Self.format)", expected: "host constants")
      }
      guard try fields.int("version") == 1 else {
        throw InputError("version", problem: "is not 1", expected: "1")
      }
      let values = try fields.required("constants", JSONObject.object, expected: "an object")
      return try within("constants") {
        func seconds(_ name: String) throws -> Double { try values.number(name, in: 0...10) }
        return HostConstantsFile(
          engine: try fields.required("engine", JSONObject.string, expected: "an engine's name"),
          constants: HostConstants(
            factor: try values.number("factor", in: 0.01...100), step: try seconds("step"),
            prefill: try seconds("prefill"), sequence: try seconds("sequence"),
            request: try seconds("request"), token: try seconds("token")),
          origin: try fields.string("origin") ?? "a file")
      }
    }
  }

  public func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let constants = try JSONValue(parsing: encoder.encode(constants))
    let fields: [String: JSONValue] = [
      "format": .string(Self.format), "version": .integer(1), "engine": .string(engine),
      "origin": .string(origin), "constants": constants,
    ]
    return RecordText.printable(String(decoding: try encoder.encode(fields), as: UTF8.self)) + "\n"
  }
}
