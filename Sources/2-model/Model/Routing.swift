import Foundation

/// How tokens spread over experts: expert i of E is wanted in proportion to `1/i^exponent` (Zipf's
/// law), `active` different ones by each token. 0: evenly.
public struct Routing: Hashable, Sendable, BitwiseCopyable {
  public var exponent: Double

  public init(exponent: Double) { self.exponent = exponent }

  /// The exponents that are taken.
  public static let exponents = 0.0...4.0

  public static let even = Routing(exponent: 0)

  /// Experts that some of `tokens` tokens choose, on average: `Σ 1 − (1 − p)^tokens`, evenly
  /// `E·(1 − (1 − k/E)^tokens)`.
  public func distinct(tokens: Int, of experts: Experts) -> Double {
    guard exponent != 0 else {
      let missed = pow(1 - Double(experts.active) / Double(experts.count), Double(tokens))
      return Double(experts.count) * (1 - missed)
    }
    return chances(experts).reduce(0) { $0 + 1 - pow(1 - $1, Double(tokens)) }
  }

  /// How often a token chooses each expert, the favourite first; they sum to `active`.
  ///
  /// Experts are drawn one after the other without return, as the first to ring of clocks of rate
  /// `i^-exponent`: all that rang until a time t, at which `active` of them have on average.
  public func chances(_ experts: Experts) -> [Double] {
    chances(count: experts.count, active: experts.active)
  }

  public func chances(count: Int, active: Int) -> [Double] {
    guard exponent != 0, active < count else {
      return Array(repeating: Double(active) / Double(count), count: count)
    }
    let active = Double(active)
    let rates = weights(count)
    func rung(_ logTime: Double) -> Double {
      rates.reduce(0) { $0 - expm1(-$1 * exp(logTime)) }
    }
    var (low, high) = (-50.0, 50.0 + exponent * log(Double(count)))
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if rung(middle) < active { low = middle } else { high = middle }
    }
    return rates.map { -expm1(-$0 * exp(low)) }
  }

  /// Of `count` experts, the favourite's is 1.
  public func weights(_ count: Int) -> [Double] {
    (1...count).map { pow(Double($0), -exponent) }
  }
}
