import Foundation
import Input

/// The one way results become JSON: sorted keys in snake_case. On one line it is what stores hold
/// and `dyno bench` prints as JSON Lines.
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
    return printable(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// The same JSON without characters that act on terminals or reorder what is read, which JSON
  /// allows in its strings.
  public static func printable(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: isEscaped) else { return json }
    var text = ""
    for scalar in json.unicodeScalars {
      if isEscaped(scalar) {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// Line ends between values are the text's own.
  private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x7f && PrintableText.isUnsafe(scalar)
  }

  /// Stands for a number that is not finite. No name is like that.
  public static let undefined = "undefined:dyno:5f8c1e9a"

  public static func decode<Value: Decodable>(_: Value.Type, _ data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: data)
  }
}
