import Formats
import Foundation
import Input
import Model
import Numerics
import Records

/// Calibrates a device from measurements, rung by rung, and says for each how far it is off on data
/// it has not seen.
public struct DeviceCalibration {
  private let device: DeviceProfile
  /// Whose coefficients are carried over: the rung between nominal and the device's own.
  private let others: [DeviceProfile]
  private let seed: UInt64

  /// - Parameter others: devices of one kind.
  public init(_ device: DeviceProfile, from others: [DeviceProfile] = [], seed: UInt64 = 0) {
    self.device = device
    self.others = others
    self.seed = seed
  }

  /// - Throws: `InputError` where no measurement can be used.
  public func run(_ measurements: Measurements) throws -> Result {
    try device.refuseForeign(measurements)
    var result = Result(profile: device)
    transfer(into: &result.profile)
    let measurements = restated(measurements)
    try operators(measurements.operators, judged: true, &result)
    try collectives(measurements.collectives, &result)
    for (name, runs) in Dictionary(grouping: measurements.runs, by: \.engine)
      .sorted(by: { $0.key < $1.key })
    {
      try wholeRuns(ServingEngine.named(name), runs, measurements.operators, &result)
    }
    guard !result.ladder.isEmpty || (measurements.isEmpty && !others.isEmpty) else {
      let refused = measurements.rejected.first.map { ", the first left out: \($0)" } ?? ""
      throw InputError(
        problem:
          "nothing usable is left of \(measurements.operators.count + measurements.collectives.count) operator rows and "
          + "\(measurements.runs.count) runs\(refused)",
        expected: "measurements that the device can have made")
    }
    return result
  }

  /// Times as they usually are on a shared machine: by a reference architecture where the runs have
  /// one, else at the device's limits by those sampled around each. Repeats become one row, the
  /// mean of their logarithms.
  private func restated(_ measurements: Measurements) -> Measurements {
    let mood = ReferenceMood(measurements)
    var restated = measurements
    for index in restated.operators.indices {
      let timing = restated.operators[index]
      restated.operators[index].seconds *=
        mood?.scale(timing) ?? MachineMood.scale(timing, to: device.limits)
    }
    for index in restated.runs.indices {
      guard let seconds = mood?.seconds(restated.runs[index]) else { continue }
      restated.runs[index].seconds = seconds
      restated.runs[index].pairedFloorFraction = nil
    }
    restated.operators = merged(restated.operators, \.seconds) {
      $0.limits == nil
        ? nil : "\($0.origin) \($0.kind?.rawValue ?? "") \($0.shape) \($0.weights) \($0.cache)"
    }
    restated.runs = merged(restated.runs, \.seconds) {
      $0.engine != ServingEngine.dyno.name || $0.pairedFloorFraction != nil
        ? nil
        : "\($0.architecture.name) \($0.weights) \($0.cache) \($0.prompt) \($0.generate) "
          + "\($0.depth) \($0.batch)"
    }
    return restated
  }

  /// One row for all of a key, with the geometric mean of their seconds; rows without a key stay.
  private func merged<Row>(
    _ rows: [Row], _ seconds: WritableKeyPath<Row, Double>, _ key: (Row) -> String?
  ) -> [Row] {
    var result: [Row] = []
    var places: [String: (index: Int, logs: [Double])] = [:]
    for row in rows {
      guard let key = key(row) else {
        result.append(row)
        continue
      }
      if places[key] == nil {
        places[key] = (result.count, [])
        result.append(row)
      }
      places[key]!.logs.append(log(row[keyPath: seconds]))
    }
    for place in places.values {
      result[place.index][keyPath: seconds] = exp(Moments.mean(place.logs))
    }
    return result
  }

  // MARK: Carrying over

  /// Families that the other device has and this one does not.
  private func transfer(into profile: inout DeviceProfile) {
    guard let first = others.first else { return }
    let sameKind = first.limits.kind == profile.limits.kind
    let names = others.map(\.name).joined(separator: ", ")
    for family in OperatorFamily.of(profile.limits.kind) {
      let variants = Set(others.flatMap { $0.related(family.name).keys })
      for variant in variants.sorted()
      where profile.families[family.name]?[variant].map({ $0.rung <= .transferred }) ?? true {
        let sources = others.compactMap { $0.related(family.name)[variant] }
        let prior = Prior(
          family.coefficients, from: sources, sameKind: sameKind,
          sameGeneration: isOfOthersGeneration)
        profile.families[family.name, default: [:]][variant] = CalibratedFamily(
          coefficients: zip(family.coefficients, zip(prior.values, prior.spreads)).map {
            CalibratedCoefficient(
              name: $0.name, value: $1.0, standardError: $1.1, provenance: "from \(names)",
              samples: 0)
          }.sorted { $0.name < $1.name }, rung: .transferred)
      }
    }
  }

  /// Whether all of the others run the same generation of kernels.
  private var isOfOthersGeneration: Bool {
    guard let own = device.limits.computeCapability else { return false }
    return others.allSatisfy { $0.limits.computeCapability == own }
  }

  /// Other devices' calibrations of a family for a storage, and whether they are of this kind.
  private func sources(
    _ family: String, _ format: NumberStorage
  ) -> (families: [CalibratedFamily], sameKind: Bool) {
    (
      others.compactMap { $0.related(family, format) },
      others.first?.limits.kind == device.limits.kind
    )
  }

  // MARK: Operators

  /// - Parameter judged: whether errors on held-out rows are wanted as well.
  private func operators(
    _ timings: [OperatorTiming], judged: Bool, _ result: inout Result
  ) throws {
    func groups<Key: RawRepresentable & Hashable>(
      _ rows: [OperatorTiming], _ key: (OperatorTiming) -> Key
    ) -> [(key: Key, value: [OperatorTiming])] where Key.RawValue == String {
      Dictionary(grouping: rows, by: key).sorted { $0.key.rawValue < $1.key.rawValue }
    }
    for isRepeated in [false, true] {
      let rows = timings.filter { $0.isRepeated == isRepeated }
      for (weights, rows) in groups(rows.filter(\.hasMatrices), \.weights) {
        let families = families(rows)
        func fit<Form: CostForm>(_ form: Form.Type, _ timings: [Timing<Form.Shape>]) throws {
          try family(
            form, timings, weights: weights, cache: rows[0].cache, variant: weights.rawValue,
            isRepeated, judged, &result)
        }
        switch device.limits.kind {
        case .gpu:
          if try ArithmeticPath(weights, device.limits).quantizesActivations {
            try fit(QuantizedMatrixMultiplication.self, families.gemm)
          } else {
            try fit(MatrixMultiplication.self, families.gemm)
          }
          try fit(RoutedExperts.self, families.experts)
          try fit(MultiHeadLatentAttention.self, families.latentAttention)
        case .cpu:
          try fit(CPUMatrixMultiplication.self, families.gemm)
          try fit(CPURoutedExperts.self, families.experts)
          try fit(CPULatentAttention.self, families.latentAttention)
        }
      }
      // Attention does not touch weights: its variants are storages of the cache.
      for (cache, rows) in groups(rows.filter { !$0.hasMatrices }, \.cache) {
        let families = families(rows)
        // Scores and values are multiplied in 16 bits on GPUs, however the cache is stored.
        let weights = NumberStorage(device.limits.attentionArithmetic ?? .bf16)
        func fit<Form: CostForm>(
          _ form: Form.Type, _ timings: [Timing<AttentionShape>]
        ) throws where Form.Shape == AttentionShape {
          try family(
            form, timings, weights: weights, cache: cache, variant: cache.rawValue, isRepeated,
            judged, &result)
        }
        switch device.limits.kind {
        case .gpu:
          try fit(PrefillAttention.self, families.prefill)
          try fit(DecodeAttention.self, families.decode)
          try family(
            ElementwiseOperators.self, families.elementwise, weights: weights, cache: cache,
            variant: "any", isRepeated, judged, &result)
        case .cpu:
          try fit(CPUAttention.self, families.prefill + families.decode)
          try family(
            CPUElementwiseOperators.self, families.elementwiseOnCPU, weights: weights,
            cache: cache, variant: "any", isRepeated, judged, &result)
        }
      }
    }
  }

  /// Collectives: an engine's own all-reduce where it runs, the library's else.
  private func collectives(_ timings: [CollectiveTiming], _ result: inout Result) throws {
    guard !timings.isEmpty else { return }
    guard device.limits.kind == .gpu, device.limits.linkBandwidth > 0 else {
      throw InputError(
        timings[0].origin, problem: "is of several devices, and \(device.name) has no links",
        expected: "operators of one device")
    }
    let context = try DeviceContext(device.limits, weights: .bf16, cache: .bf16, isWarm: true)
    func rows(ofPeers: Bool) -> [Timing<CollectiveShape>] {
      timings.filter { ($0.isEngines && PeerAllReduce.runs($0.shape, context)) == ofPeers }.map {
        // Sizes are held out whole, with all counts of devices and ways to launch.
        Timing(
          shape: $0.shape, seconds: $0.seconds, group: "\($0.shape.bytes)", origin: $0.origin)
      }
    }
    try family(
      LibraryCollective.self, rows(ofPeers: false), weights: .bf16, cache: .bf16, variant: "any",
      true, true, &result)
    try family(
      PeerAllReduce.self, rows(ofPeers: true), weights: .bf16, cache: .bf16, variant: "any", true,
      true, &result)
  }

  private func families(_ rows: [OperatorTiming]) -> FamilyTimings {
    let isTraced = rows.contains { $0.limits != nil }
    return FamilyTimings(
      rows, activationBytes: device.limits.activationBytes,
      // Traced rows of one architecture share their run; kernel tables have no such thing.
      group: isTraced ? { $0.origin } : nil)
  }

  private func family<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], weights: NumberStorage, cache: NumberStorage,
    variant: String, _ isRepeated: Bool, _ judged: Bool, _ result: inout Result
  ) throws {
    guard !rows.isEmpty else { return }
    let context = try DeviceContext(
      device.limits, weights: weights, cache: cache, isWarm: isRepeated,
      tunedExperts: device.tunedExperts)
    let (kept, impossible) = rows.possible(form, context)
    result.impossible += impossible.map {
      "\(Form.family): \($0.origin): \($0.seconds) s is less than the device's limits allow"
    }
    guard !kept.isEmpty else { return }
    var calibration = FamilyCalibration<Form>(context)
    let nominal = calibration
    let (sources, sameKind) = sources(Form.family, NumberStorage(rawValue: variant) ?? weights)
    if !sources.isEmpty {
      calibration = FamilyCalibration(
        context,
        prior: Prior(
          Form.coefficients, from: sources, sameKind: sameKind,
          sameGeneration: isOfOthersGeneration))
    }
    let provenance = "\(kept.count) timings of \(device.name)"
    guard judged else {
      result.profile.families[Form.family, default: [:]][variant] = CalibratedFamily(
        calibration.fit(kept), Form.coefficients, rung: .operators, provenance: provenance)
      return
    }
    func step(_ rung: Rung, rows: Int, _ comparisons: [Comparison]) {
      result.ladder.append(
        Step(
          family: Form.family, variant: variant, rung: rung, rows: rows,
          error: ErrorSummary(comparisons)))
    }
    step(.nominal, rows: 0, nominal.compare(kept, nominal.prior.values))
    if !sources.isEmpty {
      let own = sources.compactMap(\.error).map(\.spreads)
      step(
        .transferred, rows: 0,
        calibration.compareCarried(kept) { regime in
          own.compactMap { $0[regime] ?? $0["all"] }.max() ?? 0
        })
    }
    let folds = Folds.random(kept.map(\.group), count: 5, seed: seed)
    guard folds.count > 1 else {
      result.warnings.append(
        "\(Form.family) \(variant): all rows are of one group, so none can be held out: not fitted")
      return
    }
    let heldOut = calibration.crossValidated(kept, folds: folds)
    let spreads = Spreads(heldOut)
    let covered = heldOut.crossCovered(seed: seed)
    step(.operators, rows: kept.count, covered)
    let fit = calibration.fit(kept)
    result.isFitted = true
    result.gains.append(
      Gain(
        family: Form.family, variant: variant,
        errors: calibration.gains(kept, folds: folds, seed: seed)))
    let error = ErrorSummary(covered)
    warn(fit, "\(Form.family) \(variant)", Form.coefficients, &result)
    // A fit that did not converge must not look sure of itself.
    let widening = fit.stop.succeeded ? 1 : 2.0
    result.profile.families[Form.family, default: [:]][variant] = CalibratedFamily(
      fit, Form.coefficients, rung: .operators,
      provenance: provenance,
      error: HeldOutError(
        protocolName: "five folds of whole groups", rows: kept.count, median: error.median,
        mean: error.mean, percentile90: error.percentile90, coverage: error.coverage ?? 0,
        spreads: spreads.byRegime.merging(["all": spreads.all]) { old, _ in old }
          .mapValues { $0 * widening }), domain: domain(form, kept))
  }

  private func warn(
    _ fit: FamilyFit, _ what: String, _ coefficients: [Coefficient], _ result: inout Result
  ) {
    if !fit.stop.succeeded {
      result.warnings.append(
        "\(what): the fit did not converge (\(fit.stop.rawValue)); its intervals are doubled")
    }
    let untold = fit.unidentified.map { coefficients[$0].name }
    if !untold.isEmpty {
      result.warnings.append(
        "\(what): \(fit.rows) rows do not tell \(untold.joined(separator: ", ")); the prior holds")
    }
  }

  private func domain<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>]
  ) -> [String: ClosedRange<Double>] {
    var ranges: [String: ClosedRange<Double>] = [:]
    for row in rows {
      for (name, value) in Form.features(row.shape) {
        let known = ranges[name] ?? value...value
        ranges[name] = min(known.lowerBound, value)...max(known.upperBound, value)
      }
    }
    return ranges
  }

  // MARK: Whole runs

  private func wholeRuns(
    _ engine: ServingEngine, _ runs: [WholeRun], _ timings: [OperatorTiming],
    _ result: inout Result
  ) throws {
    let calibration = EndToEndCalibration(result.profile, engine)
    let plausible = runs.filter { ServingWorkload($0).isPlausible }
    result.setAside += runs.filter { !ServingWorkload($0).isPlausible }.map {
      "\($0.origin): \($0.prompt) tokens in, \($0.generate) out after \($0.depth), batch "
        + "\($0.batch), is beyond all bounds"
    }
    let (consistent, glitches) = GlitchRule.apply(plausible, device.limits)
    let (rows, rejected) = try calibration.rows(consistent)
    result.setAside += glitches + rejected.map(\.description)
    guard !rows.isEmpty else { return }
    let groups = rows.map { LayerFamily.name($0.run.architecture) }
    func step(_ rung: Rung, rows count: Int, _ comparisons: [Comparison]) {
      result.ladder.append(
        Step(
          family: "whole runs", variant: engine.name, rung: rung, rows: count,
          error: ErrorSummary(comparisons)))
    }
    let bare = EndToEndCalibration(nominalDevice, engine)
    step(.nominal, rows: 0, bare.compare(try bare.rows(consistent).rows, bare.prior.values))
    let below = result.profile.operatorRung(
      weights: rows[0].run.weights, cache: rows[0].run.cache, for: rows.map(\.run.architecture))
    if below > .nominal {
      step(below, rows: 0, calibration.compare(rows, calibration.prior.values))
    }
    let folds = Folds.leaveOneOut(groups)
    guard folds.count > 1 else {
      result.warnings.append(
        "\(engine.name): all runs are of one family of layers, so none can be held out: not fitted")
      return
    }
    let predicted = try folds.flatMap { held -> [(run: WholeRun, comparison: Comparison)] in
      func isHeld(_ run: WholeRun) -> Bool {
        held.contains(LayerFamily.name(run.architecture))
      }
      let names = Set(consistent.filter(isHeld).map(\.architecture.name))
      let blind = try blinded(result.profile, timings, without: names)
      let calibration = EndToEndCalibration(blind, engine)
      let (rows, _) = try calibration.rows(consistent)
      let test = rows.filter { isHeld($0.run) }
      let fit = calibration.fit(rows.filter { !isHeld($0.run) })
      return zip(test.map(\.run), calibration.compare(test, fit)).map { ($0, $1) }
    }
    result.heldOutRuns += predicted
    let heldOut = predicted.map(\.comparison)
    step(.endToEnd, rows: rows.count, heldOut)
    let fit = calibration.fit(rows)
    result.isFitted = true
    warn(fit.coefficients, engine.name, EndToEndModel.coefficients, &result)
    let error = ErrorSummary(heldOut)
    result.profile.engines[engine.name] = CalibratedFamily(
      fit.coefficients, EndToEndModel.coefficients, rung: .endToEnd,
      provenance: "\(rows.count) runs of \(device.name)",
      error: HeldOutError(
        protocolName: "leave one family of layers out", rows: rows.count, median: error.median,
        mean: error.mean, percentile90: error.percentile90, coverage: error.coverage ?? 0,
        spreads: fit.spreads, conditions: RunConditions(rows.map(\.run))),
      domain: EndToEndDomain.ranges(rows.map(\.run)))
  }

  /// The profile that is calibrated without the operator rows of some architectures: the same one
  /// where rows do not say whose they are.
  private func blinded(
    _ profile: DeviceProfile, _ timings: [OperatorTiming], without names: Set<String>
  ) throws -> DeviceProfile {
    let rest = timings.filter { !names.contains($0.origin) }
    guard rest.count < timings.count else { return profile }
    var result = Result(profile: device)
    transfer(into: &result.profile)
    try operators(rest, judged: false, &result)
    return result.profile
  }

  /// The device with its limits alone.
  private var nominalDevice: DeviceProfile {
    DeviceProfile(name: device.name, limits: device.limits, sources: device.sources)
  }
}

extension OperatorTiming {
  /// Whether it multiplies with weights, whose storage decides.
  fileprivate var hasMatrices: Bool {
    switch shape {
    case .gemm, .experts, .latentAttention, .route: true
    case .attention, .rows: false
    }
  }
}

/// Architectures whose layers have the same shapes are one family, whatever their names: held out
/// alone, one would be told by the other.
enum LayerFamily {
  static func name(_ architecture: Architecture) -> String {
    var kinds: [String] = []
    for layer in architecture.layers.kinds {
      var kind =
        "\(layer.mlp?.intermediateSize ?? 0)/\(layer.attention?.queryHeads ?? 0)/"
        + "\(layer.attention?.keyValueHeads ?? 0)/\(layer.attention?.headDimension ?? 0)"
      if let experts = layer.experts {
        kind +=
          "/\(experts.active) of \(experts.count)x\(experts.intermediateSize)"
          + "+\(experts.shared?.intermediateSize ?? 0)"
      }
      if let latent = layer.latentAttention {
        kind += "/\(latent.queryHeads)x\(latent.keyWidth)-\(latent.cacheWidth)"
      }
      if !kinds.contains(kind) { kinds.append(kind) }
    }
    return "\(architecture.hiddenSize)/" + kinds.joined(separator: "+")
  }
}
