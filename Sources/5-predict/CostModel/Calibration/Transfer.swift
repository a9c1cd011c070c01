import Formats
import Foundation
import Records

extension Prior {
  /// A prior from another device's calibration: what the rung between nominal and this device's own
  /// measurements starts from.
  ///
  /// Each coefficient lies between its nominal value and the other device's, weighted by how well
  /// each is known: the nominal value by its spread s, the other's by its standard error e and by
  /// how much devices differ, τ. Between devices of one kind (two GPUs) everything carries over and
  /// τ = s/4; between kinds (a CPU and a GPU) only coefficients that `carries` marks do, and τ = s,
  /// so that even an exact value moves the prior half of the way. A coefficient that the other
  /// device's data do not tell (e = s) stays near its nominal value by itself; a share above 1 of a
  /// limit does not leave its kind. What is of the host does not carry at all.
  public init(_ coefficients: [Coefficient], from other: CalibratedFamily, sameKind: Bool) {
    self.init(coefficients)
    for (index, coefficient) in coefficients.enumerated() {
      guard !coefficient.isOfHost, sameKind || coefficient.carries,
        let known = other.coefficients.first(where: { $0.name == coefficient.name })
      else { continue }
      // More than all of a limit: that tells how it was measured, nothing of another device.
      if !sameKind, coefficient.name.hasSuffix("_share"), known.value > 1 { continue }
      let nominal = coefficient.spread * coefficient.spread
      let between = sameKind ? coefficient.spread / 4 : coefficient.spread
      let error = known.standardError * known.standardError + between * between
      let weight = nominal / (nominal + error)
      logValues[index] += weight * (log(known.value) - logValues[index])
      spreads[index] = (nominal * (1 - weight)).squareRoot()
    }
  }
}

extension DeviceProfile {
  /// This device's calibrations that say something about another device's `family`: a CPU's
  /// attention is one family where a GPU has two.
  func related(_ family: String) -> [String: CalibratedFamily] {
    if let own = families[family] { return own }
    let attention = [PrefillAttention.family, DecodeAttention.family]
    if attention.contains(family) { return families[CPUAttention.family] ?? [:] }
    if family == CPUAttention.family { return families[DecodeAttention.family] ?? [:] }
    return [:]
  }

  /// The one of those for `dtype`.
  public func related(_ family: String, _ dtype: DType) -> CalibratedFamily? {
    let sets = related(family)
    switch dtype {
    case .bf16, .f16: return sets[dtype.rawValue] ?? sets["bf16"] ?? sets["f16"] ?? sets["any"]
    default: return sets[dtype.rawValue] ?? sets["any"]
    }
  }
}
