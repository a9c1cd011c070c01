import Formats
import Foundation
import Input
import Model
import Records

extension DeviceProfile {
  /// Coefficients of a family for weights (for attention: a cache) of `dtype`: its own, else those
  /// that all dtypes share, else `nil`. bf16 and f16 run on the same units.
  func calibrated(_ family: String, _ format: NumberStorage) -> CalibratedFamily? {
    families[family] == nil ? nil : related(family, format)
  }

  /// This device, ready to price with.
  ///
  /// - Throws: `InputError` where the device cannot compute with such weights, and where coefficients are
  ///   not those of the forms: priced in part by what a form no longer has, nothing would be right.
  func priced(weights: NumberStorage, cache: NumberStorage) throws -> PricedDevice {
    var coefficients: OperatorCoefficients = [:]
    for family in OperatorFamily.of(limits.kind) {
      let known = calibrated(family.name, family.isOfWeights ? weights : cache)
      try known?.requireForm(of: family, in: name)
      coefficients[family.name] =
        known?.values(family.coefficients) ?? family.coefficients.map(\.nominal)
    }
    if limits.kind == .gpu {
      coefficients[OperatorFamily.wideMatrices] =
        calibrated(MatrixMultiplication.family, .bf16)?.values(MatrixMultiplication.coefficients)
        ?? MatrixMultiplication.coefficients.map(\.nominal)
    }
    func context(_ weights: NumberStorage) throws -> DeviceContext {
      try within(name) {
        try DeviceContext(
          limits, weights: weights, cache: cache, isWarm: false, tunedExperts: tunedExperts)
      }
    }
    let own = try context(weights)
    return PricedDevice(
      limits: limits, context: own,
      wide: limits.keepsTablesWide(weights) ? try context(.bf16) : own, coefficients: coefficients,
      weights: weights, cache: cache)
  }

  /// How far operators are calibrated: the lowest rung of the families that matter to some of
  /// `architectures`; where none are named, to a decoder of attention and MLPs.
  func operatorRung(
    weights: NumberStorage, cache: NumberStorage, for architectures: [Architecture]
  ) -> Rung {
    let quantizes = (try? ArithmeticPath(weights, limits))?.quantizesActivations ?? false
    return OperatorFamily.of(limits.kind).filter { family in
      guard family.isOfQuantized.map({ $0 == quantizes }) ?? true else { return false }
      return architectures.isEmpty
        ? family.matters(nil) : architectures.contains(where: family.matters)
    }
    .map { calibrated($0.name, $0.isOfWeights ? weights : cache)?.rung ?? .nominal }.min()
      ?? .nominal
  }

  /// Whether matrix multiplications of just such weights were fitted, here or on another device; bf16 and
  /// f16 run on the same units.
  public func hasMatrices(of weights: NumberStorage) -> Bool {
    let names =
      [NumberStorage.bf16, .f16].contains(weights)
      ? ["bf16", "f16", "any"] : [weights.rawValue, "any"]
    let matrices = [
      MatrixMultiplication.family, QuantizedMatrixMultiplication.family,
      CPUMatrixMultiplication.family,
    ].compactMap { families[$0] }
    return matrices.contains { sets in names.contains { sets[$0] != nil } }
  }
}

/// The families of operators of a kind of device.
struct OperatorFamily: Sendable {
  let name: String
  let coefficients: [Coefficient]
  /// Whether its coefficients belong to a storage of weights, not of the cache.
  let isOfWeights: Bool
  /// Whether an architecture's prediction is only as good as this family's calibration; `nil` stands
  /// for a decoder of attention and MLPs.
  let matters: @Sendable (Architecture?) -> Bool
  /// Of GEMMs: whether it is of those that quantise activations first; `nil` of other families.
  let isOfQuantized: Bool?

  /// Coefficients of GEMMs whose weights stay 16 bits wide, beside the narrow ones'.
  static let wideMatrices = "wide_gemm"

  private init<Form: CostForm>(
    _ form: Form.Type, isOfWeights: Bool = false, isOfQuantized: Bool? = nil,
    matters: @escaping @Sendable (Architecture?) -> Bool = { _ in true }
  ) {
    self.isOfQuantized = isOfQuantized
    name = Form.family
    coefficients = Form.coefficients
    self.isOfWeights = isOfWeights
    self.matters = matters
  }

  static func of(_ kind: DeviceLimits.Kind) -> [OperatorFamily] {
    switch kind {
    case .gpu:
      return [
        OperatorFamily(MatrixMultiplication.self, isOfWeights: true, isOfQuantized: false),
        OperatorFamily(
          QuantizedMatrixMultiplication.self, isOfWeights: true, isOfQuantized: true),
        OperatorFamily(PrefillAttention.self, matters: { $0?.hasAttention ?? true }),
        OperatorFamily(DecodeAttention.self, matters: { $0?.hasAttention ?? true }),
        OperatorFamily(RoutedExperts.self, isOfWeights: true, matters: { $0?.hasExperts ?? false }),
        OperatorFamily(
          MultiHeadLatentAttention.self, isOfWeights: true,
          matters: { $0?.hasLatentAttention ?? false }),
        OperatorFamily(ElementwiseOperators.self, matters: { _ in false }),
        OperatorFamily(LibraryCollective.self, matters: { _ in false }),
        OperatorFamily(PeerAllReduce.self, matters: { _ in false }),
      ]
    case .cpu:
      return [
        OperatorFamily(CPUMatrixMultiplication.self, isOfWeights: true),
        OperatorFamily(CPUAttention.self, matters: { $0?.hasAttention ?? true }),
        OperatorFamily(
          CPURoutedExperts.self, isOfWeights: true, matters: { $0?.hasExperts ?? false }),
        OperatorFamily(
          CPULatentAttention.self, isOfWeights: true, matters: { $0?.hasLatentAttention ?? false }),
        OperatorFamily(CPUElementwiseOperators.self, matters: { _ in false }),
      ]
    }
  }
}

extension Architecture {
  fileprivate var hasAttention: Bool { firstAttention != nil }
  fileprivate var hasLatentAttention: Bool { firstLatentAttention != nil }
  fileprivate var hasExperts: Bool { firstExperts != nil }
}

extension CalibratedFamily {
  /// Refuses coefficients that were fitted to an earlier form of the family.
  fileprivate func requireForm(of family: OperatorFamily, in profile: String) throws {
    // The same in number and each of them there: the same set.
    guard
      coefficients.count != family.coefficients.count
        || family.coefficients.contains(where: { wanted in
          !coefficients.contains { $0.name == wanted.name }
        })
    else { return }
    throw InputError(
      profile, "families.\(family.name)",
      problem: "was fitted to another form of it, with "
        + coefficients.map(\.name).joined(separator: ", "),
      expected: "dyno calibrate to be run again")
  }

  /// Values in the order of `coefficients`; nominal where one is missing.
  func values(_ coefficients: [Coefficient]) -> [Double] {
    coefficients.map { wanted in
      self.coefficients.first { $0.name == wanted.name }?.value ?? wanted.nominal
    }
  }

  /// A fit as a profile keeps it.
  init(
    _ fit: FamilyFit, _ coefficients: [Coefficient], rung: Rung, provenance: String,
    error: HeldOutError? = nil, domain: [String: ClosedRange<Double>] = [:]
  ) {
    // Profiles list coefficients by name.
    let order = coefficients.indices.sorted { coefficients[$0].name < coefficients[$1].name }
    self.init(
      coefficients: order.map { index in
        let told = !fit.unidentified.contains(index)
        return CalibratedCoefficient(
          name: coefficients[index].name, value: fit.values[index],
          standardError: fit.standardErrors[index],
          provenance: told ? provenance : "prior, which \(provenance) does not tell apart",
          samples: fit.rows)
      }, rung: rung,
      covariance: fit.covariance.isEmpty
        ? [] : order.map { row in order.map { fit.covariance[row][$0] } },
      error: error, domain: domain)
  }
}
