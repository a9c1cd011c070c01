/// A share as people write it: `5%`, `0.5%`.
public struct Percentage: Sendable {
  public static let expected = "a share such as 5% or 0.5%"

  /// 0.05 for `5%`.
  public let share: Double

  public init(share: Double) { self.share = share }

  /// `nil` where `text` is no share from 0% to 100%.
  ///
  /// - Parameter bareShare: whether a number without a percent sign is a share: `0.05`.
  public init?(_ text: String, bareShare: Bool = false) {
    if text.hasSuffix("%") {
      guard let percent = Double(text.dropLast()) else { return nil }
      share = percent / 100
    } else {
      guard bareShare, let number = Double(text) else { return nil }
      share = number
    }
    guard (0...1).contains(share) else { return nil }
  }
}
