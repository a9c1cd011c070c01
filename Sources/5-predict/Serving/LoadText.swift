import Input

// How loads, prices and promises are written, on the command line and in files.

/// Requests a second: `2/s`, `90/min`, or a plain number.
public struct RequestRate: Sendable, Hashable {
  public static let expected = "requests a second such as 2/s"

  public let perSecond: Double

  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let count = parts.first.flatMap({ Double($0) }), count.isFinite, count > 0,
      parts.count <= 2
    else { return nil }
    switch parts.count == 2 ? parts[1] : "s" {
    case "s": perSecond = count
    case "min": perSecond = count / 60
    case "h": perSecond = count / 3600
    default: return nil
    }
  }
}

/// Money an hour: `2.5/h`, or a plain number.
public struct HourlyPrice: Sendable, Hashable {
  public static let expected = "money an hour such as 2.5/h"

  public let perHour: Double

  public init?(_ text: String) {
    let number = text.hasSuffix("/h") ? text.dropLast(2) : Substring(text)
    guard let price = Double(number), price.isFinite, price >= 0 else { return nil }
    perHour = price
  }

  /// Of a million tokens, in the same currency.
  public func perMillionTokens(_ tokensPerSecond: Double, devices: Int) -> Double {
    perHour * Double(devices) / 3600 / tokensPerSecond * 1e6
  }
}

extension ServiceLevel: CustomStringConvertible {
  public static let expected = "limits such as ttft=500ms,tpot=30ms"

  /// `ttft=500ms,tpot=30ms,latency=10s`, any of them, each once.
  public init?(_ text: String) {
    self.init()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, let span = TimeSpan(String(sides[1])) else { return nil }
      switch sides[0] {
      case "ttft" where timeToFirstToken == nil: timeToFirstToken = span.seconds
      case "tpot" where timePerOutputToken == nil: timePerOutputToken = span.seconds
      case "latency" where latency == nil: latency = span.seconds
      default: return nil
      }
    }
  }

  public var description: String {
    [("ttft", timeToFirstToken), ("tpot", timePerOutputToken), ("latency", latency)]
      .compactMap { name, seconds in seconds.map { "\(name)=\(Self.text($0))" } }
      .joined(separator: ",")
  }

  private static func text(_ seconds: Double) -> String {
    let (value, unit) = seconds < 1 ? (seconds * 1e3, "ms") : (seconds, "s")
    let rounded = (value * 1e3).rounded() / 1e3
    return (rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") + unit
  }
}
