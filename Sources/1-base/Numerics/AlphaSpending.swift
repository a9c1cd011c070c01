/// How much of a test's error may be spent at each of several looks at growing data.
///
/// The bound is the union bound over looks: it holds for any dependence between them and any rule
/// that stops between them, also one that watches other tests.
public struct AlphaSpending: Sendable {
  /// The share of each look; they sum to 1.
  public let shares: [Double]

  /// Kim and DeMets's power family (1987) with exponent 2: of `looks` equally far apart, few errors
  /// early and most at the end, so that little power is lost to the early ones.
  public init(looks: Int) {
    precondition(looks > 0)
    let count = Double(looks * looks)
    shares = (1...looks).map { Double(2 * $0 - 1) / count }
  }

  /// A p-value that holds at whichever look one stops: the least so far, each over its share.
  public func pValue(_ pValues: [Double]) -> Double {
    precondition(pValues.count <= shares.count)
    return min(1, zip(pValues, shares).map { $0 / $1 }.min() ?? 1)
  }

  /// The share of look `k`, from 1, of unboundedly many: 1/(k(k+1)), which sums to 1.
  public static func unbounded(look: Int) -> Double { 1 / (Double(look) * Double(look + 1)) }
}
