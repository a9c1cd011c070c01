import Foundation

/// The one way results become JSON: sorted keys in snake_case. On one line it is what stores hold
/// and `--output jsonl` prints.
public enum RecordText {
  /// - Parameter undefinedIsMarked: writes a number that is not finite as the text `undefined`;
  ///   otherwise such a number is an error.
  public static func encode(
    _ value: some Encodable, pretty: Bool = false, undefinedIsMarked: Bool = false
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if undefinedIsMarked {
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: undefined, negativeInfinity: undefined, nan: undefined)
    }
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// Stands for a number that is not finite. No name is like that.
  public static let undefined = "undefined:dyno:5f8c1e9a"

  public static func decode<Value: Decodable>(_: Value.Type, _ data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: data)
  }
}
