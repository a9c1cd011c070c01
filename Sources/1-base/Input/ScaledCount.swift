/// A large count as people write it: `100B`, `80M`, `1.5e9`.
public struct ScaledCount: Sendable {
  public static let expected = "a number such as 100B, 80M or 1.5e9 (K, M, B, T)"

  public let value: Double

  /// `nil` where `text` is no such number of at least 1; larger ones than 1e18 are mistakes.
  public init?(_ text: String) {
    let multiples: [Character: Double] = ["K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12]
    let multiple = text.last.flatMap { multiples[Character($0.uppercased())] }
    guard let number = Double(multiple == nil ? text : String(text.dropLast())) else { return nil }
    value = number * (multiple ?? 1)
    guard (1...1e18).contains(value) else { return nil }
  }
}
