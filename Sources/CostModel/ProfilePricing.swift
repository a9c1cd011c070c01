import Architectures
import Foundation
import Records

extension DeviceProfile {
  /// Coefficients of a family for weights of `dtype`: its own, else those that all dtypes share,
  /// else `nil`. bf16 and f16 run on the same units.
  func calibrated(_ family: String, _ dtype: DType) -> CalibratedFamily? {
    let sets = families[family] ?? [:]
    switch dtype {
    case .bf16, .f16: return sets[dtype.rawValue] ?? sets["bf16"] ?? sets["f16"] ?? sets["any"]
    default: return sets[dtype.rawValue] ?? sets["any"]
    }
  }

  /// Values in the order of `coefficients`, nominal where the profile has none.
  private func values(_ family: String, _ dtype: DType, _ coefficients: [Coefficient]) -> [Double] {
    calibrated(family, dtype)?.values(coefficients) ?? coefficients.map(\.nominal)
  }

  /// This device, ready to price with.
  ///
  /// - Throws: `InputError` where the device does not say its peak for `weights`.
  func priced(weights: DType, cache: DType) throws -> PricedDevice {
    PricedDevice(
      limits: limits,
      context: try within(name) {
        try DeviceContext(limits, weights: weights, cache: cache, isWarm: false)
      },
      coefficients: OperatorCoefficients(
        gemm: values(MatrixMultiplication.family, weights, MatrixMultiplication.coefficients),
        prefill: values(PrefillAttention.family, weights, PrefillAttention.coefficients),
        decode: values(DecodeAttention.family, weights, DecodeAttention.coefficients),
        elementwise: values(
          ElementwiseOperators.family, weights, ElementwiseOperators.coefficients),
        allReduce: values(AllReduce.family, weights, AllReduce.coefficients)),
      weights: weights, cache: cache)
  }

  /// How far operators are calibrated for weights of `dtype`: the lowest rung of the families that
  /// matter.
  func operatorRung(_ dtype: DType) -> Rung {
    [MatrixMultiplication.family, PrefillAttention.family, DecodeAttention.family]
      .map { calibrated($0, dtype)?.rung ?? .nominal }.min()!
  }
}

extension CalibratedFamily {
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
