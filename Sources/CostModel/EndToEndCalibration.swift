import Architectures
import Foundation
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
  /// A held-out model's scatter over that of fitted rows.
  static let heldOutScatter = 1.5

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
      let workload = ServingWorkload(
        prompt: run.prompt, generate: run.generate, depth: run.depth, batch: run.batch)
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
      rows.append(Row(run: run, seconds: run.seconds, schedule: schedule, device: device))
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

  public func fit(_ rows: [Row]) -> FamilyFit {
    FamilyFit(
      rows: rows.count, prior: prior, assumedScale: Self.leastScale, leastScale: Self.leastScale,
      prepare: { values in Models(values, engine) },
      residual: { models, index in
        log(seconds(rows[index], models.model(rows[index].device)) / rows[index].seconds)
      })
  }

  /// Half-width, in natural logarithms, of a row's 90% interval: the fit's scatter, widened for a
  /// model it has not seen, and what the coefficients' errors make of it.
  public func spread(_ row: Row, _ fit: FamilyFit) -> Double {
    let center = log(predict(row, fit.values))
    let gradient = fit.logValues.indices.map { index -> Double in
      var shifted = fit.logValues
      shifted[index] += 1e-4
      return (log(predict(row, shifted.map(exp))) - center) / 1e-4
    }
    var variance =
      Self.heldOutScatter * Self.heldOutScatter * fit.rootMeanSquare * fit.rootMeanSquare
    for (row, slope) in gradient.enumerated() where !fit.covariance.isEmpty {
      for (column, other) in gradient.enumerated() {
        variance += slope * fit.covariance[row][column] * other
      }
    }
    return 1.645 * variance.squareRoot()
  }

  public func compare(_ rows: [Row], _ fit: FamilyFit) -> [Comparison] {
    Parallel.map(rows.count) { index in
      Comparison(
        predicted: predict(rows[index], fit.values), measured: rows[index].seconds, regime: "all",
        spread: spread(rows[index], fit))
    }
  }

  /// Models of every pair of dtypes at one point.
  private final class Models {
    private var models: [(weights: DType, cache: DType, model: EndToEndModel)] = []
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
