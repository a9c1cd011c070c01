import Foundation

/// The standard normal distribution.
public enum NormalDistribution {
  public static func cumulative(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

  /// The value that `probability` of the distribution lies below.
  ///
  /// - Precondition: 0 < `probability` < 1.
  public static func quantile(_ probability: Double) -> Double {
    precondition(probability > 0 && probability < 1)
    var low = -40.0
    var high = 40.0
    for _ in 0..<100 where high - low > 1e-14 * max(1, abs(low)) {
      let middle = (low + high) / 2
      if cumulative(middle) < probability { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}

/// Student's t distribution.
public enum StudentT {
  /// P(T ≤ `t`).
  public static func cumulative(_ t: Double, degreesOfFreedom: Double) -> Double {
    // Far out both tails vanish; beyond 1e10 degrees of freedom t is normal to double precision.
    guard degreesOfFreedom < 1e10 else { return NormalDistribution.cumulative(t) }
    let x = degreesOfFreedom / (degreesOfFreedom + t * t)
    let tail = regularizedBeta(x, degreesOfFreedom / 2, 0.5) / 2
    return t > 0 ? 1 - tail : tail
  }

  /// The value that `probability` of the distribution lies below; relative error below 1e-10.
  ///
  /// - Precondition: 0 < `probability` < 1 and `degreesOfFreedom` > 0 (it may be infinite).
  public static func quantile(_ probability: Double, degreesOfFreedom: Double) -> Double {
    precondition(probability > 0 && probability < 1 && degreesOfFreedom > 0)
    if probability < 0.5 {
      return -quantile(1 - probability, degreesOfFreedom: degreesOfFreedom)
    }
    var low = 0.0
    var high = 1.0
    while cumulative(high, degreesOfFreedom: degreesOfFreedom) < probability { high *= 2 }
    for _ in 0..<200 where high - low > 1e-13 * high {
      let middle = (low + high) / 2
      if cumulative(middle, degreesOfFreedom: degreesOfFreedom) < probability {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }

  /// The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22).
  static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    // The fraction converges fast below the mean of the beta distribution only.
    if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
    let front = exp(
      lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    // Evaluated front to back (modified Lentz), keeping every denominator away from zero.
    let tiny = 1e-300
    func nonZero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var numerator = 1.0
    var denominator = 1 / nonZero(1 - (a + b) * x / (a + 1))
    var fraction = denominator
    for m in 1...10_000 {
      let step = Double(m)
      let even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
      denominator = 1 / nonZero(1 + even * denominator)
      numerator = nonZero(1 + even / numerator)
      fraction *= denominator * numerator
      let odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
      denominator = 1 / nonZero(1 + odd * denominator)
      numerator = nonZero(1 + odd / numerator)
      let change = denominator * numerator
      fraction *= change
      if abs(change - 1) < 1e-15 { break }
    }
    return front * fraction / a
  }
}
