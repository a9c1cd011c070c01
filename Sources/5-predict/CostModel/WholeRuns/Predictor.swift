import Formats
import Foundation
import Input
import Model
import Records

/// Predicts how an architecture serves a workload on a device under an engine.
///
/// One a thread: it keeps what it has priced.
public final class Predictor {
  public struct Settings: Sendable, Hashable {
    public var weights: NumberStorage
    public var cache: NumberStorage
    public var tensorParallel: Int
    /// Groups of so many devices that each hold a part of the layers.
    public var pipelineParallel: Int
    /// How these devices share experts.
    public var sharing: ExpertSharing

    public init(
      weights: NumberStorage = .bf16, cache: NumberStorage = .bf16, tensorParallel: Int = 1,
      pipelineParallel: Int = 1, sharing: ExpertSharing = ExpertSharing()
    ) {
      self.pipelineParallel = pipelineParallel
      self.weights = weights
      self.cache = cache
      self.tensorParallel = tensorParallel
      self.sharing = sharing
    }
  }

  public let profile: DeviceProfile
  public let engine: ServingEngine
  public let settings: Settings
  public let engineRung: Rung
  /// The engine's own calibration.
  let calibrated: CalibratedFamily?
  /// Schedules of batches that the memory holds.
  private var kept: [Asked: ServingSchedule] = [:]
  private static let mostKept = 256
  /// How many were made.
  private var schedules = 0
  let model: EndToEndModel
  /// Of what was asked for last.
  private let program: DeviceProgram
  /// One model for each coefficient, a step away: how intervals follow from coefficients' errors.
  /// `nil` for coefficients that nothing of these settings depends on.
  let shifted: [EndToEndModel?]
  let covariance: [[Double]]
  static let shift = 1e-3
  /// Weights that devices must not part.
  let group: Int

  /// - Throws: `InputError` where the device cannot hold such weights or does not run the engine.
  public init(_ profile: DeviceProfile, _ engine: ServingEngine, _ settings: Settings) throws {
    guard engine.runs(on: profile.limits.kind) else {
      throw InputError(
        "engine", problem: "\(engine.name) does not run on \(profile.name)",
        expected: ServingEngine.all.filter { $0.runs(on: profile.limits.kind) }.map(\.name)
          .joined(separator: ", "))
    }
    for (field, count) in [
      ("tensor_parallel", settings.tensorParallel),
      ("pipeline_parallel", settings.pipelineParallel),
    ] where count != 1 && profile.limits.linkBandwidth == 0 {
      throw InputError(field, problem: "\(profile.name) has no links", expected: "1")
    }
    guard settings.pipelineParallel > 0 else {
      throw InputError(
        "pipeline_parallel", problem: "is \(settings.pipelineParallel)", expected: "1 or more")
    }
    self.profile = profile
    self.engine = engine
    self.settings = settings
    group = engine.cutsWholeGroups ? settings.weights.groupSize : 1
    program = DeviceProgram(settings.sharing)
    let device = try profile.priced(weights: settings.weights, cache: settings.cache)
    let found = profile.engines[engine.name]
    calibrated = found
    engineRung = found?.rung ?? .nominal
    let prior = EndToEndModel.prior(engine)
    let coefficients = EndToEndModel.coefficients
    let values = found?.values(coefficients) ?? prior.values
    // A search asks it for most of what it asks.
    model = EndToEndModel(
      device, engine, values, sharing: settings.sharing, stages: settings.pipelineParallel,
      matricesKept: 1 << 19)
    shifted = values.indices.map { index in
      guard EndToEndModel.matters(index, engine, settings) else { return nil }
      var moved = values
      moved[index] *= exp(Self.shift)
      return EndToEndModel(
        device, engine, moved, sharing: settings.sharing, stages: settings.pipelineParallel)
    }
    // Profiles list coefficients by name.
    if let found, !found.covariance.isEmpty {
      let position = coefficients.map { wanted in
        found.coefficients.firstIndex { $0.name == wanted.name }
      }
      covariance = position.enumerated().map { row, from in
        position.enumerated().map { column, to in
          guard let from, let to else {
            return row == column ? coefficients[row].spread * coefficients[row].spread : 0
          }
          return found.covariance[from][to]
        }
      }
    } else {
      covariance = coefficients.indices.map { row in
        coefficients.indices.map { $0 == row ? prior.spreads[row] * prior.spreads[row] : 0 }
      }
    }
  }

  /// The engine's error on held-out runs; `nil` where it has none under these settings.
  private var heldOut: HeldOutError? {
    // None of those runs was of stages.
    guard settings.pipelineParallel == 1 else { return nil }
    return calibrated?.error.flatMap { error in
      error.conditions?.include(
        weights: settings.weights, cache: settings.cache, devices: settings.tensorParallel) == true
        ? error : nil
    }
  }

  /// What intervals rest on beside the errors of coefficients.
  ///
  /// - Parameters:
  ///   - family: of layers; `nil` for one that was not fitted.
  ///   - architectures: whose operators are priced.
  func basis(ofFamily family: String?, for architectures: [Architecture]) -> IntervalBasis {
    var jumps: [IntervalBasis.Jump] = []
    var precision: IntervalBasis.Jump {
      .precision(
        weights: settings.weights, cache: settings.cache,
        hasKernels: profile.hasMatrices(of: settings.weights))
    }
    if settings.pipelineParallel > 1 { jumps.append(.stages(settings.pipelineParallel)) }
    guard let error = calibrated?.error,
      let halfWidth = family.flatMap({ error.spreads[$0] }) ?? error.spreads["all"]
    else {
      jumps.append(.engine(operatorRung(for: architectures)))
      if settings.tensorParallel > 1 { jumps.append(.devices(settings.tensorParallel)) }
      let isNarrow = [settings.weights, settings.cache].contains(
        where: profile.limits.keepsTablesWide)
      if isNarrow {
        jumps.append(precision)
      }
      return IntervalBasis(runs: 0, scatter: 0, jumps: jumps)
    }
    let conditions = error.conditions
    func isChecked(
      weights: NumberStorage? = nil, cache: NumberStorage? = nil, devices: Int? = nil
    ) -> Bool {
      guard let conditions else { return false }
      return conditions.include(
        weights: weights ?? conditions.weights.first ?? settings.weights,
        cache: cache ?? conditions.cache.first ?? settings.cache,
        devices: devices ?? conditions.devices.first ?? settings.tensorParallel)
    }
    if !isChecked(devices: settings.tensorParallel) {
      jumps.append(.devices(settings.tensorParallel))
    }
    if !isChecked(weights: settings.weights, cache: settings.cache) {
      jumps.append(precision)
    }
    return IntervalBasis(runs: error.rows, scatter: halfWidth / 1.645, jumps: jumps)
  }

  /// Variance of the logarithm of a prediction whose coefficients are exact.
  func ownVariance(ofFamily family: String?, for architectures: [Architecture]) -> Double {
    basis(ofFamily: family, for: architectures).variance
  }

  /// How the engine serves `workload`; `nil` where the memory does not hold a single sequence, or
  /// not all of them for an engine that needs that; where the devices cannot share the layers; and
  /// of a workload beyond all bounds, or beyond the architecture's positions.
  func schedule(
    _ architecture: Architecture, _ workload: ServingWorkload, _ plan: MemoryPlan
  ) -> ServingSchedule? {
    guard workload.isPlausible, architecture.holds(positions: workload.positions),
      TensorParallelism.divides(
        architecture, devices: settings.tensorParallel, experts: settings.sharing, group: group),
      settings.pipelineParallel <= architecture.layers.count
    else { return nil }
    return ServingSchedule.fits(workload, plan, engine)
      ? atOnce(architecture, workload)
      : ServingSchedule(workload, plan, engine, maxPositions: architecture.maxPositions)
  }

  /// The schedule of a batch that the memory holds: the same for all architectures.
  private func atOnce(_ architecture: Architecture, _ workload: ServingWorkload) -> ServingSchedule
  {
    let asked = Asked(workload: workload, maxPositions: architecture.maxPositions)
    if let known = kept[asked] { return known }
    var schedule = ServingSchedule(
      atOnce: workload, engine, maxPositions: architecture.maxPositions)
    schedules += 1
    schedule.share(as: schedules)
    if kept.count == Self.mostKept { kept = [:] }
    kept[asked] = schedule
    return schedule
  }

  private struct Asked: Hashable {
    let workload: ServingWorkload
    let maxPositions: Int

    // One number instead of five: hashing shows among what a prediction takes.
    func hash(into hasher: inout Hasher) {
      let lengths = mix(mix(mix(0, workload.prompt), workload.generate), workload.depth)
      hasher.combine(mix(mix(lengths, workload.batch), maxPositions))
    }
  }

  /// Predicts `workload`, without intervals.
  ///
  /// - Returns: `nil` where the device's memory, or the architecture's table of positions, does not
  ///   hold a single sequence.
  public func point(_ architecture: Architecture, _ workload: ServingWorkload) -> PointPrediction? {
    let program = program(of: architecture)
    guard
      let schedule = schedule(architecture, workload, plan(architecture, program, workload))
    else { return nil }
    return PointPrediction(workload, time: model.run(program, schedule), schedule)
  }

  /// Predicts `workload` with 90% intervals, memory and what binds.
  ///
  /// - Throws: `InputError` where the device's memory, or the architecture's table of positions, does
  ///   not hold a single sequence, the devices cannot share the layers, or coefficients give no finite
  ///   time.
  public func predict(
    _ architecture: Architecture, _ workload: ServingWorkload, breakdown: Bool = false
  ) throws -> Prediction {
    let workload = try within("workload") { try workload.validated() }
    try architecture.check(positions: workload.positions)
    try TensorParallelism.check(
      architecture, devices: settings.tensorParallel, experts: settings.sharing, group: group)
    guard settings.pipelineParallel <= architecture.layers.count else {
      throw InputError(
        "pipeline_parallel",
        problem: "\(settings.pipelineParallel) stages of \(architecture.layers.count) layers",
        expected: "at most one stage a layer")
    }
    let program = program(of: architecture)
    let plan = plan(architecture, program, workload)
    let largest = plan.sequences(of: workload.positions, blockPositions: engine.blockPositions)
    guard let schedule = schedule(architecture, workload, plan) else {
      throw InputError(
        architecture.name,
        problem: "batch \(workload.batch) of \(workload.positions) positions does not fit "
          + profile.name,
        expected: largest > 0
          ? "a batch of at most \(largest)"
          : whatFits(architecture, workload))
    }
    var operators: [Operator.Kind: OperatorCost] = [:]
    let time = model.run(program, schedule)
    guard time.total.isFinite, time.total > 0 else {
      throw InputError(
        profile.name, problem: "its coefficients give \(time.total) s for \(architecture.name)",
        expected: "a profile whose coefficients are sound")
    }
    if breakdown {
      model.forEachOperator(
        architecture, schedule, tensorParallel: settings.tensorParallel
      ) { operation, cost, times in
        operators[
          operation.kind, default: OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0)
        ].add(cost, times: times)
      }
    }
    let point = PointPrediction(workload, time: time, schedule)
    let extrapolated = calibrated.map { outside($0.domain, architecture, workload) } ?? []
    return Prediction(
      architecture: architecture, workload: workload, point: point,
      spreads: spreads(
        architecture, program, schedule, workload, point, widened: !extrapolated.isEmpty),
      plan: plan, largestBatch: largest, widest: schedule.widest,
      preemptions: schedule.preemptions, extrapolated: extrapolated,
      operators: operators.map { ($0.key, $0.value) }.sorted {
        // Norms of one shape take the same time: by name then, as a dictionary has no order.
        ($1.1.seconds, $0.0.rawValue) < ($0.1.seconds, $1.0.rawValue)
      },
      expertsRead: architecture.firstExperts.map {
        settings.sharing.routing.distinct(tokens: schedule.widest, of: $0)
      })
  }

  /// An architecture as one of the devices has it; until the next one is asked for.
  func program(of architecture: Architecture) -> DeviceProgram {
    program.become(architecture, devices: settings.tensorParallel)
    return program
  }

  func plan(
    _ architecture: Architecture, _ program: DeviceProgram, _ workload: ServingWorkload
  ) -> MemoryPlan {
    MemoryPlan(
      architecture, program, workload, weights: settings.weights, cache: settings.cache,
      engine: engine, limits: profile.limits, pipelineParallel: settings.pipelineParallel)
  }

  /// What to ask for where these devices do not hold it, in words.
  public func whatFits(_ architecture: Architecture, _ workload: ServingWorkload) -> String {
    (sharing(architecture, workload).map { "tensor_parallel \($0), " } ?? "")
      + "a smaller model or dtype"
  }

  /// The fewest devices that hold what these do not; `nil` where sharing does not help.
  private func sharing(_ architecture: Architecture, _ workload: ServingWorkload) -> Int? {
    guard profile.limits.linkBandwidth > 0 else { return nil }
    return (settings.tensorParallel + 1...64).first { devices in
      guard
        TensorParallelism.divides(
          architecture, devices: devices, experts: settings.sharing, group: group)
      else { return false }
      // More devices than asked for hold more parts of the same experts.
      let program = DeviceProgram(
        ExpertSharing(
          parts: devices % max(1, settings.sharing.parts) == 0 ? settings.sharing.parts : 1,
          routing: settings.sharing.routing))
      program.become(architecture, devices: devices)
      let plan = plan(architecture, program, workload)
      return ServingSchedule(
        workload, plan, engine, maxPositions: architecture.maxPositions) != nil
    }
  }

  /// Half-widths of 90% intervals, in natural logarithms: what every prediction has, and what the
  /// coefficients' errors make of this one.
  private func spreads(
    _ architecture: Architecture, _ program: DeviceProgram, _ schedule: ServingSchedule,
    _ workload: ServingWorkload, _ point: PointPrediction, widened: Bool
  ) -> Prediction.Spreads {
    var slopes: [(index: Int, total: Double, first: Double, decode: Double)] = []
    slopes.reserveCapacity(shifted.count)
    for (index, model) in shifted.enumerated() {
      guard let model else { continue }
      let moved = PointPrediction(workload, time: model.run(program, schedule), schedule)
      func slope(_ value: (PointPrediction) -> Double) -> Double {
        let before = value(point)
        return before > 0 ? log(value(moved) / before) / Self.shift : 0
      }
      slopes.append(
        (
          index, slope { $0.seconds }, slope { $0.timeToFirstToken },
          slope { $0.timePerOutputToken }
        ))
    }
    let ownVariance = ownVariance(
      ofFamily: LayerFamily.name(architecture), for: [architecture])
    func spread(
      _ slope: ((index: Int, total: Double, first: Double, decode: Double)) -> Double
    ) -> Double {
      var variance = ownVariance
      for left in slopes {
        for right in slopes {
          variance += slope(left) * covariance[left.index][right.index] * slope(right)
        }
      }
      // Outside what was fitted nothing says how wrong the form is: half as wide again.
      return 1.645 * variance.squareRoot() * (widened ? 1.5 : 1)
    }
    return Prediction.Spreads(
      throughput: spread { $0.total }, timeToFirstToken: spread { $0.first },
      timePerOutputToken: spread { $0.decode })
  }

  /// Sizes of the architecture and workload that lie outside what was fitted.
  private func outside(
    _ domain: [String: ClosedRange<Double>], _ architecture: Architecture,
    _ workload: ServingWorkload
  ) -> [String] {
    EndToEndDomain.features(architecture, workload).compactMap { name, value in
      guard let range = domain[name], !range.contains(value) else { return nil }
      return name
    }
  }
}

/// What a predictor's intervals rest on.
public struct PredictionEvidence: Sendable {
  /// Errors of whole runs that were not fitted.
  public struct Errors: Sendable, Encodable {
    public let protocolName: String
    public let rows: Int
    public let median: Double
    public let mean: Double
    public let percentile90: Double
    public let coverage90: Double
  }

  public let device: String
  public let engine: String
  public let operatorRung: Rung
  public let engineRung: Rung
  /// `nil` where no whole run of this device and engine was compared under these settings.
  public let errors: Errors?
  /// What whole runs that were compared differ in from these settings, where that is all there is.
  public let comparedElsewhere: String?
  /// What intervals rest on.
  public let basis: IntervalBasis
}

extension Predictor {
  /// The lowest rung that a prediction of some of `architectures` rests on.
  public func operatorRung(for architectures: [Architecture]) -> Rung {
    profile.operatorRung(
      weights: settings.weights, cache: settings.cache, for: architectures)
  }

  /// Of a decoder of attention and MLPs.
  public var evidence: PredictionEvidence { evidence(for: []) }

  /// - Parameters:
  ///   - architectures: that are predicted.
  ///   - isMixed: whether only most of the weights are stored as the settings say, which no run was.
  public func evidence(
    for architectures: [Architecture], isMixed: Bool = false
  ) -> PredictionEvidence {
    let heldOut = isMixed ? nil : heldOut
    return PredictionEvidence(
      device: profile.name, engine: engine.name, operatorRung: operatorRung(for: architectures),
      engineRung: engineRung,
      errors: heldOut.map {
        PredictionEvidence.Errors(
          protocolName: $0.protocolName, rows: $0.rows, median: $0.median, mean: $0.mean,
          percentile90: $0.percentile90, coverage90: $0.coverage)
      },
      comparedElsewhere: heldOut != nil
        ? nil
        : calibrated?.error.map { error in
          error.conditions.map(\.description) ?? "settings that the profile does not record"
        }, basis: basis(ofFamily: nil, for: architectures))
  }
}

/// Sizes whose fitted range a whole run's prediction should stay in.
enum EndToEndDomain {
  static func features(
    _ architecture: Architecture, _ workload: ServingWorkload
  ) -> [(String, Double)] {
    [
      ("hidden_size", Double(architecture.hiddenSize)),
      ("head_dimension", Double(architecture.headDimension)),
      ("key_value_heads", Double(architecture.keyValueHeads)),
      ("layers", Double(architecture.layers.count)), ("batch", Double(workload.batch)),
      ("positions", Double(workload.positions)),
    ]
  }

  static func ranges(_ runs: [WholeRun]) -> [String: ClosedRange<Double>] {
    var ranges: [String: ClosedRange<Double>] = [:]
    for run in runs {
      let workload = ServingWorkload(
        prompt: run.prompt, generate: run.generate, depth: run.depth, batch: run.batch)
      for (name, value) in features(run.architecture, workload) {
        let known = ranges[name] ?? value...value
        ranges[name] = min(known.lowerBound, value)...max(known.upperBound, value)
      }
    }
    return ranges
  }
}
