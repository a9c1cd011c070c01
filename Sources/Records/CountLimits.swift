import Architectures

/// How large counts from files and options may be. What is beyond is a mistake; and products of
/// counts within these limits (pairs of positions of a whole batch) fit in 63 bits.
public enum CountLimits {
  public static let largest = 10_000_000
  /// Positions of all sequences of a batch together.
  public static let positions = 100_000_000_000

  public static func check(_ field: String, _ value: Int, from low: Int) throws {
    guard (low...largest).contains(value) else {
      throw InputError(field, problem: "is \(value)", expected: "\(low) to \(largest)")
    }
  }

  /// - Parameters: each within `largest`, positions up to three times that.
  public static func check(batch: Int, positions: Int) throws {
    guard batch * positions <= Self.positions else {
      throw InputError(
        "batch", problem: "\(batch) of \(positions) positions is \(batch * positions) positions",
        expected: "at most \(Self.positions) together")
    }
  }
}
