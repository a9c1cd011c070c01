import Formats
import Foundation
import Input
import Numerics
import Records

/// Fits an engine's whole-run coefficients on one device.
public struct EndToEndCalibration: Sendable {
  /// A run with its schedule, which nothing fitted changes.
  public struct Row: Sendable {
    public let run: WholeRun
    /// What is fitted: the run's seconds, or those at the machine's measured limits.
    public let seconds: Double
    let schedule: ServingSchedule
    let device: PricedDevice
  }

  public let device: DeviceProfile
  public let engine: ServingEngine
  public let prior: Prior

  /// A device's or a model's runs share a part of their error, which their scatter does not show.
  static let leastScale = 0.04

  public init(_ device: DeviceProfile, _ engine: ServingEngine) {
    self.device = device
    self.engine = engine
    prior = EndToEndModel.prior(engine)
  }

  /// Runs that this engine can have made on this device; the others with the reason.
  public func rows(_ runs: [WholeRun]) throws -> (rows: [Row], rejected: [InputError]) {
    var priced: [String: PricedDevice] = [:]
    var rows: [Row] = []
    var rejected: [InputError] = []
    for run in runs {
      let key = "\(run.weights) \(run.cache)"
      let device = try priced[key] ?? self.device.priced(weights: run.weights, cache: run.cache)
      priced[key] = device
      let workload = ServingWorkload(run)
      do {
        try within(run.origin) {
          _ = try workload.validated()
          try TensorParallelism.check(
            run.architecture, devices: run.devices,
            group: engine.cutsWholeGroups ? run.weights.groupSize : 1)
        }
      } catch let error as InputError {
        rejected.append(error)
        continue
      }
      let plan = MemoryPlan(
        run.architecture, workload, weights: run.weights, cache: run.cache, engine: engine,
        limits: device.limits, tensorParallel: run.devices)
      guard
        let schedule = ServingSchedule(
          workload, plan, engine, maxPositions: run.architecture.maxPositions)
      else {
        rejected.append(
          InputError(
            run.origin, problem: "\(run.architecture.name) at batch \(run.batch) does not fit",
            expected: "a run that \(device.limits.memoryCapacity / 0x1p30) GiB hold"))
        continue
      }
      rows.append(
        Row(
          run: run, seconds: MachineMood.seconds(run, schedule, at: device.limits),
          schedule: schedule, device: device))
    }
    return (rows, rejected)
  }

  /// Predicted seconds of a row.
  public func predict(_ row: Row, _ values: [Double]) -> Double {
    seconds(row, EndToEndModel(row.device, engine, values))
  }

  private func seconds(_ row: Row, _ model: EndToEndModel) -> Double {
    model.run(row.run.architecture, row.schedule, tensorParallel: row.run.devices).total
  }

  public func fit(_ rows: [Row]) -> EndToEndFit {
    func residual(_ models: Models, _ index: Int) -> Double {
      log(seconds(rows[index], models.model(rows[index].device)) / rows[index].seconds)
    }
    let fit = FamilyFit(
      rows: rows.count, prior: prior, assumedScale: Self.leastScale, leastScale: Self.leastScale,
      prepare: { values in Models(values, engine) }, residual: residual)
    let models = Models(fit.values, engine)
    return EndToEndFit(
      fit,
      residuals: Dictionary(grouping: rows.indices) { LayerFamily.name(rows[$0].run.architecture) }
        .mapValues { $0.map { residual(models, $0) } })
  }

  /// Variance, of the logarithm, that the errors of the coefficients make of a row's prediction.
  func coefficientVariance(_ row: Row, _ fit: FamilyFit) -> Double {
    let center = log(predict(row, fit.values))
    let gradient = fit.logValues.indices.map { index -> Double in
      var shifted = fit.logValues
      shifted[index] += 1e-4
      return (log(predict(row, shifted.map(exp))) - center) / 1e-4
    }
    // What data and prior together leave undetermined is known as well as the prior has it.
    guard !fit.covariance.isEmpty else {
      return zip(gradient, prior.spreads).reduce(0) { $0 + $1.0 * $1.0 * $1.1 * $1.1 }
    }
    var variance = 0.0
    for (row, slope) in gradient.enumerated() {
      for (column, other) in gradient.enumerated() {
        variance += slope * fit.covariance[row][column] * other
      }
    }
    return variance
  }

  /// Predictions by given coefficients, without intervals.
  public func compare(_ rows: [Row], _ values: [Double]) -> [Comparison] {
    Parallel.map(rows.count) { index in
      Comparison(
        predicted: predict(rows[index], values), measured: rows[index].seconds, regime: "all")
    }
  }

  /// Predictions of a fit. Each is of the regime of its family of layers.
  public func compare(_ rows: [Row], _ fit: EndToEndFit) -> [Comparison] {
    Parallel.map(rows.count) { index in
      let row = rows[index]
      let family = LayerFamily.name(row.run.architecture)
      return Comparison(
        predicted: predict(row, fit.coefficients.values), measured: row.seconds, regime: family,
        spread: 1.645
          * (fit.ownVariance(of: family) + coefficientVariance(row, fit.coefficients))
          .squareRoot())
    }
  }

  /// Models of every pair of dtypes at one point.
  private final class Models {
    private var models: [(weights: NumberStorage, cache: NumberStorage, model: EndToEndModel)] = []
    private let values: [Double]
    private let engine: ServingEngine

    init(_ values: [Double], _ engine: ServingEngine) {
      self.values = values
      self.engine = engine
    }

    func model(_ device: PricedDevice) -> EndToEndModel {
      if let known = models.first(where: {
        $0.weights == device.weights && $0.cache == device.cache
      }) {
        return known.model
      }
      let model = EndToEndModel(device, engine, values)
      models.append((device.weights, device.cache, model))
      return model
    }
  }
}

/// An engine's coefficients on a device, and how far its runs are off beyond what these explain.
///
/// Runs of one family of layers are off together, by a part that the scatter within it does not show:
/// for a family that was not fitted the variance is that within families and that between them.
public struct EndToEndFit: Sendable {
  let coefficients: FamilyFit
  /// Families of layers whose runs were fitted.
  let families: Set<String>
  /// Variance, of the logarithm, within families and between them.
  private let within, between: Double

  /// Standard deviation, of the logarithm, between families before any is seen: the root mean square
  /// of what families of LLM-Inference-Bench's runs were off together when the other family was
  /// fitted, on two GPUs under two engines, so that it counts as four families.
  static let usualDeviation = 0.04
  static let usualFamilies = 4.0

  /// - Parameter residuals: of the fitted rows, by family.
  init(_ coefficients: FamilyFit, residuals: [String: [Double]]) {
    self.coefficients = coefficients
    families = Set(residuals.keys)
    let components = VarianceComponents(residuals.values.map { $0 })
    within =
      coefficients.rootMeanSquare * coefficients.rootMeanSquare * components.shareWithin
    let seen = Double(max(0, residuals.count - 1))
    between =
      (Self.usualFamilies * Self.usualDeviation * Self.usualDeviation + seen * components.between)
      / (Self.usualFamilies + seen)
  }

  /// Half-widths, in natural logarithms, of 90% intervals of predictions whose coefficients are
  /// exact: of the fitted families by their names, of any other as "all".
  var spreads: [String: Double] {
    Dictionary(
      uniqueKeysWithValues: (families + ["all"]).map {
        ($0, 1.645 * ownVariance(of: $0).squareRoot())
      })
  }

  /// Variance of the logarithm that a prediction has whose coefficients are exact.
  func ownVariance(of family: String) -> Double {
    let fitted = coefficients.rootMeanSquare * coefficients.rootMeanSquare
    // Of a family that was not fitted no less is open than of those that were.
    let variance = families.contains(family) ? fitted : max(fitted, within + between)
    // A fit that did not converge may be twice as far off.
    return coefficients.stop.succeeded ? variance : 4 * variance
  }
}
