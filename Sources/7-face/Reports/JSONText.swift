import Foundation
import Records

/// Results as JSON for people and programs: as in stores, but by default readable.
public enum JSONText {
  /// A statistic that is not defined, and so no finite number, is `null`.
  ///
  /// - Parameter pretty: one value a line; off for large arrays of numbers.
  public static func encode(_ value: some Encodable, pretty: Bool = true) throws -> String {
    try RecordText.encode(value, pretty: pretty, undefinedIsMarked: true)
      .replacing("\"\(RecordText.undefined)\"", with: "null")
  }
}
