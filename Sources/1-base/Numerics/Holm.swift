/// Holm's step-down method (1979): control of the chance of even one false rejection among several
/// tests, whatever the dependence between them.
public enum Holm {
  /// Each p-value made comparable with the family's level: reject where it is at most that.
  public static func adjusted(_ pValues: [Double]) -> [Double] {
    let order = pValues.indices.sorted { pValues[$0] < pValues[$1] }
    var adjusted = pValues
    var largest = 0.0
    for (rank, index) in order.enumerated() {
      largest = max(largest, min(1, Double(pValues.count - rank) * pValues[index]))
      adjusted[index] = largest
    }
    return adjusted
  }
}
