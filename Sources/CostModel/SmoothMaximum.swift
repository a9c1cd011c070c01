import Foundation

/// `(xᵖ + yᵖ)^(1/p)`: the larger of two times where one hides behind the other, up to `2^(1/p)`
/// times it where they are alike and get in each other's way.
@inline(__always)
func smoothMaximum(_ x: Double, _ y: Double, exponent p: Double) -> Double {
  let high = max(x, y)
  let low = min(x, y)
  guard high > 0 else { return 0 }
  let ratio = low / high
  // Far below, the smaller one adds nothing that a double could hold.
  guard ratio > 1e-8 else { return high }
  return high * exp(log(1 + exp(p * log(ratio))) / p)
}

/// The same with exponent 4.
@inline(__always)
func smoothMaximum4(_ x: Double, _ y: Double) -> Double {
  let (x2, y2) = (x * x, y * y)
  return (x2 * x2 + y2 * y2).squareRoot().squareRoot()
}
