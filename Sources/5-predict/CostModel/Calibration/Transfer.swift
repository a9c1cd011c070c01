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
  /// τ = s/2, of one generation s/4; between kinds (a CPU and a GPU) only coefficients that `carries` marks do, and τ = s,
  /// so that even an exact value moves the prior half of the way. A coefficient that the other
  /// device's data do not tell (e = s) stays near its nominal value by itself; a share above 1 of a
  /// limit does not leave its kind. What is of the host does not carry at all.
  ///
  /// Of several devices there is a common mean between these and the nominal value, weighted alike,
  /// and τ² is what they differ by beyond their standard errors, where that is more. The device at hand
  /// is as far from the mean as devices are from each other.
  public init(
    _ coefficients: [Coefficient], from others: [CalibratedFamily], sameKind: Bool,
    sameGeneration: Bool = false
  ) {
    let part = !sameKind ? 1 : sameGeneration ? 0.25 : 0.5
    self.init(coefficients)
    for (index, coefficient) in coefficients.enumerated() {
      guard !coefficient.isOfHost, sameKind || coefficient.carries else { continue }
      let known = others.compactMap { other in
        other.coefficients.first { $0.name == coefficient.name }
      }.filter {
        // More than all of a limit: that tells how it was measured, nothing of another device.
        sameKind || !coefficient.name.hasSuffix("_share") || $0.value <= 1
      }
      guard !known.isEmpty else { continue }
      let between = Self.between(known, usual: coefficient.spread * part)
      var precision = 1 / (coefficient.spread * coefficient.spread)
      var sum = logValues[index] * precision
      for device in known {
        let weight = 1 / (between + device.standardError * device.standardError)
        precision += weight
        sum += weight * log(device.value)
      }
      logValues[index] = sum / precision
      spreads[index] = min(coefficient.spread, (1 / precision + between).squareRoot())
    }
  }

  /// Variance between devices: what is left of their differences when their errors are taken off, and
  /// no less than usual.
  private static func between(_ known: [CalibratedCoefficient], usual: Double) -> Double {
    guard known.count > 1 else { return usual * usual }
    let logs = known.map { log($0.value) }
    let mean = logs.reduce(0, +) / Double(logs.count)
    let squares = logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let errors = known.reduce(0) { $0 + $1.standardError * $1.standardError }
    return max(
      usual * usual, squares / Double(known.count - 1) - errors / Double(known.count))
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

  /// The one of those for a storage. Where it has none of its own: that of a storage on the same
  /// units, as carried over.
  public func related(_ family: String, _ format: NumberStorage) -> CalibratedFamily? {
    let sets = related(family)
    if format == .bf16 || format == .f16 {
      return sets[format.rawValue] ?? sets["bf16"] ?? sets["f16"] ?? sets["any"]
    }
    if let own = sets[format.rawValue] ?? sets["any"] { return own }
    guard format != .f32 else { return nil }
    let narrow = [NumberStorage.fp8, .fp8Block, .int8, .nvfp4, .mxfp4, .int4]
    let alike = family == QuantizedMatrixMultiplication.family ? narrow : [.bf16, .f16] + narrow
    guard var other = alike.lazy.compactMap({ sets[$0.rawValue] }).first else { return nil }
    other.rung = min(other.rung, .transferred)
    other.error = nil
    return other
  }
}
