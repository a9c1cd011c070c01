/// A length of time as people write it: `60s`, `2m`, `500ms`, `1.5h`.
public struct TimeSpan: Sendable {
  public static let expected = "a duration such as 500ms, 90s, 10m or 2h"

  public let seconds: Double

  public init(seconds: Double) { self.seconds = seconds }

  /// `nil` where `text` is no such length above 0; longer ones than some thirty years are mistakes.
  ///
  /// - Parameter bareSeconds: whether a number without a unit counts seconds.
  public init?(_ text: String, bareSeconds: Bool = false) {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60), ("h", 3600)]
    let (unit, scale) = units.first { text.hasSuffix($0.0) } ?? ("", bareSeconds ? 1 : .nan)
    guard let count = Double(text.dropLast(unit.count)) else { return nil }
    seconds = count * scale
    guard seconds > 0, seconds <= 1e9 else { return nil }
  }

  /// At least as long, as people write it: `45s`, `9m`, `2.5h`.
  public var roundedUp: String {
    switch seconds {
    case ..<120: "\(Int(seconds.rounded(.up)))s"
    case ..<7200: "\(Int((seconds / 60).rounded(.up)))m"
    default: "\((seconds / 360).rounded(.up) / 10)h"
    }
  }
}
