import Foundation
import Model
import Records

/// A predicted throughput as a search compares it with others: what it is, and how it moves with the
/// coefficients that all predictions of one device and engine share.
public struct LogThroughput: Sendable {
  /// Natural logarithm of the tokens made per second, all sequences together.
  public let value: Double
  /// Its derivative by the natural logarithm of each of the engine's coefficients.
  public let slopes: [Double]

  public init(value: Double, slopes: [Double]) {
    self.value = value
    self.slopes = slopes
  }
}

extension Predictor {
  /// - Returns: `nil` where the device's memory does not hold a single sequence.
  public func logThroughput(
    _ architecture: Architecture, _ workload: ServingWorkload
  ) -> LogThroughput? {
    let program = program(of: architecture)
    let plan = plan(architecture, program, workload)
    guard let schedule = schedule(architecture, workload, plan) else { return nil }
    func seconds(_ model: EndToEndModel) -> Double { model.run(program, schedule).total }
    let center = seconds(model)
    return LogThroughput(
      value: log(Double(workload.batch) * Double(workload.generate) / center),
      slopes: shifted.map { $0.map { -log(seconds($0) / center) / Self.shift } ?? 0 })
  }

  /// Covariance of the natural logarithms of the engine's coefficients, in the order of the slopes.
  public var coefficientCovariance: [[Double]] { covariance }

  /// Variance of a prediction's natural logarithm whose coefficients are exact, of an architecture
  /// that was not fitted: what is wrong with the formulas.
  public var formVariance: Double { formVariance(for: []) }

  /// - Parameter architectures: whose operators are priced.
  public func formVariance(for architectures: [Architecture]) -> Double {
    ownVariance(ofFamily: nil, for: architectures)
  }

  public var coefficientNames: [String] { EndToEndModel.coefficients.map(\.name) }

  /// Natural logarithms of the engine's coefficients, in the order of the slopes.
  public var logCoefficients: [Double] {
    let coefficients = EndToEndModel.coefficients
    let values = calibrated?.values(coefficients) ?? EndToEndModel.prior(engine).values
    return values.map { log($0) }
  }

  /// This predictor's profile with other coefficients of the engine.
  ///
  /// - Parameters:
  ///   - logValues: natural logarithms, in the order of the slopes.
  ///   - covariance: of these.
  ///   - provenance: what they come from.
  ///   - samples: how many measurements that is.
  public func recalibratedProfile(
    logCoefficients logValues: [Double], covariance: [[Double]], provenance: String, samples: Int
  ) -> DeviceProfile {
    let names = coefficientNames
    // Profiles list coefficients by name.
    let order = names.indices.sorted { names[$0] < names[$1] }
    var profile = profile
    profile.engines[engine.name] = CalibratedFamily(
      coefficients: order.map {
        CalibratedCoefficient(
          name: names[$0], value: exp(logValues[$0]),
          standardError: max(0, covariance[$0][$0]).squareRoot(), provenance: provenance,
          samples: samples)
      }, rung: .endToEnd, covariance: order.map { row in order.map { covariance[row][$0] } },
      error: calibrated?.error, domain: calibrated?.domain ?? [:])
    return profile
  }

  /// Weights, activations, the engine's reserve, and the KV cache of the whole batch at its end, in
  /// bytes of one device, whether it has them or not.
  public static func memoryBytes(
    _ architecture: Architecture, _ workload: ServingWorkload, _ settings: Settings,
    engine: ServingEngine, limits: DeviceLimits
  ) -> Double {
    MemoryPlan(
      architecture, workload, weights: settings.weights, cache: settings.cache, engine: engine,
      limits: limits, tensorParallel: settings.tensorParallel,
      pipelineParallel: settings.pipelineParallel
    ).neededBytes(workload, blockPositions: engine.blockPositions)
  }

  /// Bytes of all weights, on one device.
  public static func weightBytes(
    _ architecture: Architecture, _ settings: Settings, engine: ServingEngine,
    limits: DeviceLimits
  ) -> Double {
    MemoryPlan(
      architecture, ServingWorkload(prompt: 1, generate: 0, batch: 1), weights: settings.weights,
      cache: settings.cache, engine: engine, limits: limits, tensorParallel: 1
    ).weights
  }

  /// Weights, activations, the engine's reserve, and the KV cache of the sequences that run at once,
  /// in bytes of one device; `nil` where not a single sequence fits.
  public func peakMemoryBytes(
    _ architecture: Architecture, _ workload: ServingWorkload
  ) -> Double? {
    let program = program(of: architecture)
    let plan = plan(architecture, program, workload)
    guard let schedule = schedule(architecture, workload, plan) else { return nil }
    return plan.peakBytes(sequences: schedule.widest, of: workload.positions)
  }
}
