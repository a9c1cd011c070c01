import Foundation

/// JSON with one spelling for each value, to be hashed or compared: keys sorted, no spaces.
public enum CanonicalJSON {
  public static func text(_ value: JSONValue) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else {
      preconditionFailure("numbers of a validated architecture are finite")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
