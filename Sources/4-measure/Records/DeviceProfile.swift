import Formats

/// A device as the cost model sees it: limits, coefficients and how far each was off on held-out
/// data. `profiles/devices/*.json` hold them.
public struct DeviceProfile: Equatable, Sendable {
  public var name: String
  public var limits: DeviceLimits
  /// Where each limit is from.
  public var sources: [String: String]
  /// By operator family, then by dtype of the weights (`any` where all share one set).
  public var families: [String: [String: CalibratedFamily]]
  /// Whole-run coefficients, by engine.
  public var engines: [String: CalibratedFamily]
  /// Experts that the engine's kernels are tuned for on this device.
  public var tunedExperts: Set<ExpertSizes>

  public init(
    name: String, limits: DeviceLimits, sources: [String: String],
    families: [String: [String: CalibratedFamily]] = [:], engines: [String: CalibratedFamily] = [:],
    tunedExperts: Set<ExpertSizes> = []
  ) {
    self.name = name
    self.limits = limits
    self.sources = sources
    self.families = families
    self.engines = engines
    self.tunedExperts = tunedExperts
  }
}

/// The steps of calibration, each starting from the one before it.
public enum Rung: String, Codable, CaseIterable, Comparable, Sendable {
  /// The datasheet, and coefficients chosen by physical reasoning.
  case nominal
  /// Dimensionless coefficients carried over from another device's measurements.
  case transferred
  /// Fitted to the device's kernel timings.
  case operators
  /// Fitted to whole runs.
  case endToEnd = "end_to_end"

  public static func < (left: Rung, right: Rung) -> Bool {
    allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
  }
}

/// Coefficients of one family of operators, or of one engine's whole runs.
public struct CalibratedFamily: Equatable, Sendable {
  public var coefficients: [CalibratedCoefficient]
  public var rung: Rung
  /// Of the coefficients' natural logarithms, in the order of their names; empty where unknown.
  public var covariance: [[Double]]
  /// Held-out error that predictions' intervals come from; `nil` where none was measured.
  public var error: HeldOutError?
  /// Ranges of the shapes that were fitted: outside, a prediction is extrapolated.
  public var domain: [String: ClosedRange<Double>]

  public init(
    coefficients: [CalibratedCoefficient], rung: Rung, covariance: [[Double]] = [],
    error: HeldOutError? = nil,
    domain: [String: ClosedRange<Double>] = [:]
  ) {
    self.coefficients = coefficients
    self.rung = rung
    self.covariance = covariance
    self.error = error
    self.domain = domain
  }
}

public struct CalibratedCoefficient: Equatable, Sendable {
  public var name: String
  public var value: Double
  /// Of the value's natural logarithm.
  public var standardError: Double
  /// What the value is from: `nominal`, or a device, engine and table.
  public var provenance: String
  /// Timings it was fitted to.
  public var samples: Int

  public init(
    name: String, value: Double, standardError: Double, provenance: String, samples: Int
  ) {
    self.name = name
    self.value = value
    self.standardError = standardError
    self.provenance = provenance
    self.samples = samples
  }
}

/// Errors of predictions of data that were not fitted: `|predicted / measured - 1|`.
public struct HeldOutError: Equatable, Sendable {
  /// How data were held out: "half of the (n, k) shapes", "leave one model out".
  public var protocolName: String
  public var rows: Int
  public var median: Double
  public var mean: Double
  public var percentile90: Double
  /// Share of held-out rows inside their 90% interval.
  public var coverage: Double
  /// Half-widths, in natural logarithms, of 90% intervals: of operators for each regime, of whole
  /// runs for each fitted family of layers, and "all" for any other.
  public var spreads: [String: Double]
  /// Of whole runs: under what they were measured; `nil` where that was not recorded.
  public var conditions: RunConditions?

  public init(
    protocolName: String, rows: Int, median: Double, mean: Double, percentile90: Double,
    coverage: Double, spreads: [String: Double], conditions: RunConditions? = nil
  ) {
    self.protocolName = protocolName
    self.rows = rows
    self.median = median
    self.mean = mean
    self.percentile90 = percentile90
    self.coverage = coverage
    self.spreads = spreads
    self.conditions = conditions
  }
}

/// Under what whole runs were measured. How far predictions of them were off says nothing of other
/// storage or more devices.
public struct RunConditions: Equatable, Sendable, CustomStringConvertible {
  public var weights: Set<NumberStorage>
  public var cache: Set<NumberStorage>
  /// That shared each layer.
  public var devices: Set<Int>

  public init(weights: Set<NumberStorage>, cache: Set<NumberStorage>, devices: Set<Int>) {
    self.weights = weights
    self.cache = cache
    self.devices = devices
  }

  public init(_ runs: [WholeRun]) {
    self.init(
      weights: Set(runs.map(\.weights)), cache: Set(runs.map(\.cache)),
      devices: Set(runs.map(\.devices)))
  }

  /// bf16 and f16 stand for each other: they take the same bytes and run on the same units.
  public func include(weights: NumberStorage, cache: NumberStorage, devices: Int) -> Bool {
    func alike(_ format: NumberStorage) -> NumberStorage { format == .f16 ? .bf16 : format }
    return self.weights.map(alike).contains(alike(weights))
      && self.cache.map(alike).contains(alike(cache)) && self.devices.contains(devices)
  }

  public var description: String {
    func listed(_ formats: Set<NumberStorage>) -> String {
      formats.map(\.rawValue).sorted().joined(separator: " or ")
    }
    let counts = devices.sorted().map(String.init).joined(separator: " or ")
    return "\(listed(weights)) weights, \(listed(cache)) KV cache, \(counts) "
      + (devices == [1] ? "device" : "devices")
  }
}
