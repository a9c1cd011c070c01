import Foundation

/// Numbers as people read them.
public enum Quantity {
  /// 4 significant digits, without an exponent unless it is far from 0: `0.01234`, `12.34`, `1234`.
  public static func number(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return "–" }
    guard value != 0 else { return "0" }
    let magnitude = Int(floor(log10(abs(value))))
    guard (-9...11).contains(magnitude) else {
      return String(format: "%.\(digits - 1)e", value)
    }
    return String(format: "%.\(max(0, digits - 1 - magnitude))f", value)
  }

  /// Decimal multiples: `1.236 B`, `973.1 M`.
  public static func count(_ value: Double) -> String {
    scaled(value, [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")])
  }

  /// Binary multiples of bytes: `2.30 GiB`.
  public static func bytes(_ value: Double) -> String {
    scaled(
      value, [(0x1p40, "TiB"), (0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB"), (1, "B")])
  }

  /// `12.3 ms`, `4.56 s`; a dash for 0.
  public static func seconds(_ value: Double) -> String {
    value > 0 ? scaled(value, [(1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]) : "–"
  }

  public static func percent(_ share: Double) -> String {
    share.isFinite ? String(format: "%.1f%%", 100 * share) : "–"
  }

  /// A relative change with its sign: `+2.1%`.
  public static func change(_ share: Double) -> String {
    share.isFinite ? String(format: "%+.2f%%", 100 * share) : "–"
  }

  /// `0.013`, `< 0.0001`.
  public static func probability(_ value: Double) -> String {
    value < 1e-4 ? "< 0.0001" : number(value, digits: 2)
  }

  private static func scaled(_ value: Double, _ units: [(Double, String)]) -> String {
    for (unit, suffix) in units where abs(value) >= unit {
      return number(value / unit) + " " + suffix
    }
    return number(value)
  }
}
