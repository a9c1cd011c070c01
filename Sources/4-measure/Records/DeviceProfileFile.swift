import Formats
import Foundation
import Input
import Model

// Device profiles as JSON: `{"format": "dyno-device", "version": 2, …}`.

extension DeviceProfile {
  private static let format = "dyno-device"
  /// From 2 on GPUs' coefficients are in clocks; CPUs' are as before.
  private static let version = 2

  /// Reads a profile. Errors name the file and the field.
  public init(contentsOf url: URL) throws {
    self = try within(url.path) {
      try DeviceProfile(file: InputFile.deviceProfile.data(at: url.path))
    }
  }

  /// Reads a profile's bytes. Errors name the field.
  public init(file: Data) throws {
    let fields = try JSONObject(parsing: file)
    guard try fields.string("format") == Self.format else {
      throw InputError("format", problem: "is not \(Self.format)", expected: "a device profile")
    }
    guard let version = try fields.int("version"), (1...Self.version).contains(version) else {
      throw InputError(
        "version", problem: "is \(fields["version"]?.kind ?? "missing")",
        expected: "1 to \(Self.version)")
    }
    let profile = try DeviceProfile(fields)
    guard version > 1 || profile.limits.kind == .cpu || profile.isNominal else {
      throw InputError(
        "version", problem: "is 1, and its coefficients are of other formulas",
        expected: "a calibration of this GPU's measurements again")
    }
    self = profile
  }

  init(_ fields: JSONObject) throws {
    try fields.allow([
      "format", "version", "name", "limits", "sources", "families", "engines", "tuned_experts",
    ])
    self.init(
      name: try fields.required("name", JSONObject.string, expected: "the device's name"),
      limits: try within("limits") {
        try DeviceLimits(
          try fields.required("limits", JSONObject.object, expected: "an object of limits"))
      },
      sources: try fields.entries("sources") { value, _ in
        guard case .string(let text) = value else {
          throw InputError(problem: "is \(value.kind)", expected: "a string")
        }
        return text
      },
      families: try fields.entries("families") { value, _ in
        try JSONObject(value).entries { value, _ in try CalibratedFamily(JSONObject(value)) }
      },
      engines: try fields.entries("engines") { value, _ in
        try CalibratedFamily(JSONObject(value))
      },
      tunedExperts: try within("tuned_experts") {
        Set(try (fields.array("tuned_experts") ?? []).map(ExpertSizes.init))
      })
  }

  /// Whether it has limits only.
  private var isNominal: Bool { families.isEmpty && engines.isEmpty }

  /// The text of a profile.
  ///
  /// - Throws: `InputError` that names a number that is not finite: a fit to unsound measurements.
  public func fileText() throws -> String {
    let optional: [String: JSONValue?] = [
      "format": .string(Self.format), "version": .integer(Self.version), "name": .string(name),
      "limits": limits.encoded, "sources": .object(sources.mapValues(JSONValue.string)),
      "families": .object(families.mapValues { .object($0.mapValues(\.encoded)) }),
      "engines": .object(engines.mapValues(\.encoded)),
      "tuned_experts": tunedExperts.isEmpty ? nil : .array(ExpertSizes.encoded(tunedExperts)),
    ]
    let fields = optional.compactMapValues { $0 }
    try JSONValue.object(fields).requireFinite()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(fields), as: UTF8.self) + "\n"
  }
}

extension DeviceLimits {
  /// Limits that no device has are mistakes of unit.
  fileprivate init(_ fields: JSONObject) throws {
    func quantity(_ field: String, _ range: ClosedRange<Double>, unit: String) throws -> Double {
      let value = try fields.required(field, JSONObject.double, expected: "a number of \(unit)")
      guard range.contains(value) else {
        throw InputError(
          field, problem: "is \(value)",
          expected: "\(range.lowerBound) to \(range.upperBound) \(unit)")
      }
      return value
    }
    try fields.allow([
      "kind", "peak_flops", "memory_bandwidth", "memory_capacity", "units", "last_level_cache",
      "link_bandwidth", "activation_bytes", "clock", "shared_memory", "compute_capability",
      "shares_links",
    ])
    let kindName = try fields.required("kind", JSONObject.string, expected: "gpu or cpu")
    guard let kind = Kind(rawValue: kindName) else {
      throw InputError(
        "kind", problem: "is \"\(kindName.prefix(40))\"", expected: "gpu or cpu")
    }
    let peaks = try fields.entries("peak_flops") { value, field in
      guard DType(rawValue: field) != nil || Arithmetic(rawValue: field) != nil else {
        throw InputError(
          problem: "is neither a dtype nor an arithmetic",
          expected: (DType.allCases.map(\.rawValue) + ["fp8", "int8", "fp4"])
            .joined(separator: ", "))
      }
      guard let peak = value.double, (1e8...1e18).contains(peak) else {
        throw InputError(problem: "is \(value.kind)", expected: "1e8 to 1e18 FLOP/s")
      }
      return peak
    }
    guard !peaks.isEmpty else {
      throw InputError("peak_flops", problem: "is empty", expected: "FLOP/s of at least one dtype")
    }
    self.init(
      kind: kind,
      peakFLOPs: Dictionary(
        uniqueKeysWithValues: peaks.compactMap { name, peak in
          DType(rawValue: name).map { ($0, peak) }
        }),
      memoryBandwidth: try quantity("memory_bandwidth", 1e8...1e15, unit: "bytes/s"),
      memoryCapacity: try quantity("memory_capacity", 1e8...1e14, unit: "bytes"),
      units: Int(try quantity("units", 1...100_000, unit: "units")),
      lastLevelCache: try quantity("last_level_cache", 1e4...1e11, unit: "bytes"),
      linkBandwidth: try quantity("link_bandwidth", 0...1e14, unit: "bytes/s"),
      activationBytes: try quantity("activation_bytes", 1...8, unit: "bytes"),
      clock: try quantity("clock", 1e8...1e11, unit: "Hz"),
      sharedMemory: try quantity("shared_memory", 0...1e9, unit: "bytes"),
      narrowPeakFLOPs: Dictionary(
        uniqueKeysWithValues: peaks.compactMap { name, peak in
          DType(rawValue: name) == nil ? (Arithmetic(rawValue: name)!, peak) : nil
        }),
      computeCapability: try fields["compute_capability"] == nil
        ? nil : quantity("compute_capability", 5...100, unit: "major.minor"),
      sharesLinks: try fields.bool("shares_links") ?? false)
  }

  fileprivate var encoded: JSONValue {
    let peaks =
      peakFLOPs.map { ($0.key.rawValue, JSONValue.number($0.value)) }
      + narrowPeakFLOPs.map { ($0.key.rawValue, JSONValue.number($0.value)) }
    var fields: [String: JSONValue] = [
      "kind": .string(kind.rawValue),
      "peak_flops": .object(Dictionary(uniqueKeysWithValues: peaks)),
      "memory_bandwidth": .number(memoryBandwidth), "memory_capacity": .number(memoryCapacity),
      "units": .integer(units), "last_level_cache": .number(lastLevelCache),
      "link_bandwidth": .number(linkBandwidth), "activation_bytes": .number(activationBytes),
      "clock": .number(clock), "shared_memory": .number(sharedMemory),
    ]
    if let computeCapability { fields["compute_capability"] = .number(computeCapability) }
    if sharesLinks { fields["shares_links"] = .bool(true) }
    return .object(fields)
  }
}

extension CalibratedFamily {
  fileprivate init(_ fields: JSONObject) throws {
    try fields.allow(["rung", "coefficients", "covariance", "error", "domain"])
    let rungName = try fields.required(
      "rung", JSONObject.string, expected: Rung.allCases.map(\.rawValue).joined(separator: ", "))
    guard let rung = Rung(rawValue: rungName) else {
      throw InputError(
        "rung", problem: "is \"\(rungName.prefix(40))\"",
        expected: Rung.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let coefficients = try fields.entries("coefficients") { value, name in
      try CalibratedCoefficient(name: name, JSONObject(value))
    }
    self.init(
      coefficients: coefficients.values.sorted { $0.name < $1.name }, rung: rung,
      covariance: try fields.array("covariance").map {
        try $0.map { try Self.row($0, columns: coefficients.count) }
      } ?? [],
      error: try fields.object("error").map { error in
        try within("error") { try HeldOutError(error) }
      },
      domain: try fields.entries("domain") { value, _ in
        guard case .array(let ends) = value, ends.count == 2, let low = ends[0].double,
          let high = ends[1].double, low <= high
        else {
          throw InputError(problem: "is \(value.kind)", expected: "[low, high]")
        }
        return low...high
      })
  }

  fileprivate var encoded: JSONValue {
    var fields: [String: JSONValue] = [
      "rung": .string(rung.rawValue),
      "coefficients": .object(
        Dictionary(uniqueKeysWithValues: coefficients.map { ($0.name, $0.encoded) })),
    ]
    if let error { fields["error"] = error.encoded }
    if !covariance.isEmpty {
      fields["covariance"] = .array(covariance.map { .array($0.map(JSONValue.number)) })
    }
    if !domain.isEmpty {
      fields["domain"] = .object(
        domain.mapValues { .array([.number($0.lowerBound), .number($0.upperBound)]) })
    }
    return .object(fields)
  }
}

extension ExpertSizes {
  /// `[experts, intermediate size]`
  fileprivate init(_ value: JSONValue) throws {
    guard case .array(let sizes) = value, sizes.count == 2,
      case .integer(let count) = sizes[0], case .integer(let size) = sizes[1],
      (1...1 << 20).contains(count), (1...1 << 28).contains(size)
    else {
      throw InputError(
        problem: "holds \(value.kind)", expected: "[experts, intermediate size], counts from 1")
    }
    self.init(count: count, intermediateSize: size)
  }

  fileprivate static func encoded(_ all: Set<ExpertSizes>) -> [JSONValue] {
    all.sorted { ($0.count, $0.intermediateSize) < ($1.count, $1.intermediateSize) }
      .map { .array([.integer($0.count), .integer($0.intermediateSize)]) }
  }
}

extension CalibratedFamily {
  fileprivate static func row(_ value: JSONValue, columns: Int) throws -> [Double] {
    guard case .array(let cells) = value, cells.count == columns else {
      throw InputError(
        "covariance", problem: "has a row that is not \(columns) numbers",
        expected: "as many as there are coefficients")
    }
    return try cells.map { cell in
      guard let number = cell.double, abs(number) <= 1e4 else {
        throw InputError(
          "covariance", problem: "holds \(cell.kind)", expected: "numbers up to 1e4")
      }
      return number
    }
  }
}

extension CalibratedCoefficient {
  fileprivate init(name: String, _ fields: JSONObject) throws {
    try fields.allow(["value", "standard_error", "provenance", "samples"])
    // Times are quotients of these: beyond such bounds they would overflow.
    let value = try fields.required("value", JSONObject.double, expected: "a positive number")
    guard (1e-30...1e30).contains(value) else {
      throw InputError("value", problem: "is \(value)", expected: "1e-30 to 1e30")
    }
    let error = try fields.required(
      "standard_error", JSONObject.double, expected: "a number of at least 0")
    guard (0...100).contains(error) else {
      throw InputError("standard_error", problem: "is \(error)", expected: "0 to 100")
    }
    self.init(
      name: name, value: value, standardError: error,
      provenance: try fields.string("provenance") ?? "",
      samples: try fields.int("samples") ?? 0)
  }

  fileprivate var encoded: JSONValue {
    .object([
      "value": .number(value), "standard_error": .number(standardError),
      "provenance": .string(provenance), "samples": .integer(samples),
    ])
  }
}

extension HeldOutError {
  fileprivate init(_ fields: JSONObject) throws {
    func share(_ field: String) throws -> Double {
      let value = try fields.required(field, JSONObject.double, expected: "a number")
      guard value.isFinite, (0...1e3).contains(value) else {
        throw InputError(field, problem: "is \(value)", expected: "a number of at least 0")
      }
      return value
    }
    self.init(
      protocolName: try fields.string("protocol") ?? "", rows: try fields.int("rows") ?? 0,
      median: try share("median"), mean: try share("mean"),
      percentile90: try share("percentile_90"), coverage: try share("coverage_90"),
      spreads: try fields.entries("spreads") { value, _ in
        guard let spread = value.double, spread > 0, spread <= 100 else {
          throw InputError(problem: "is \(value.kind)", expected: "a number above 0, up to 100")
        }
        return spread
      },
      conditions: try fields.object("measured_on").map { conditions in
        try within("measured_on") { try RunConditions(conditions) }
      })
  }

  fileprivate var encoded: JSONValue {
    var fields: [String: JSONValue] = [
      "protocol": .string(protocolName), "rows": .integer(rows), "median": .number(median),
      "mean": .number(mean), "percentile_90": .number(percentile90),
      "coverage_90": .number(coverage), "spreads": .object(spreads.mapValues(JSONValue.number)),
    ]
    if let conditions { fields["measured_on"] = conditions.encoded }
    return .object(fields)
  }
}

extension RunConditions {
  fileprivate init(_ fields: JSONObject) throws {
    try fields.allow(["weights", "cache", "devices"])
    func formats(_ field: String) throws -> Set<NumberStorage> {
      Set(
        try (fields.array(field) ?? []).map { value in
          guard case .string(let name) = value, let format = NumberStorage(rawValue: name) else {
            throw InputError(
              field, problem: "holds \(value.kind)",
              expected: NumberStorage.all.map(\.rawValue).joined(separator: ", "))
          }
          return format
        })
    }
    self.init(
      weights: try formats("weights"), cache: try formats("cache"),
      devices: Set(
        try (fields.array("devices") ?? []).map { value in
          guard case .integer(let count) = value, count > 0 else {
            throw InputError("devices", problem: "holds \(value.kind)", expected: "counts")
          }
          return count
        }))
  }

  fileprivate var encoded: JSONValue {
    func listed(_ formats: Set<NumberStorage>) -> JSONValue {
      .array(formats.map(\.rawValue).sorted().map(JSONValue.string))
    }
    return .object([
      "weights": listed(weights), "cache": listed(cache),
      "devices": .array(devices.sorted().map(JSONValue.integer)),
    ])
  }
}

extension JSONValue {
  /// Refuses numbers that JSON has no spelling for; errors name the field.
  fileprivate func requireFinite() throws {
    switch self {
    case .number(let value) where !value.isFinite:
      throw InputError(problem: "is \(value)", expected: "a finite number: sound measurements")
    case .array(let elements):
      for element in elements { try element.requireFinite() }
    case .object(let fields):
      for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
        try within(name) { try value.requireFinite() }
      }
    default: break
    }
  }

  fileprivate var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value) where value.isFinite: value
    default: nil
    }
  }
}

extension JSONObject {
  fileprivate init(_ value: JSONValue) throws {
    guard case .object(let fields) = value else {
      throw InputError(problem: "is \(value.kind)", expected: "an object")
    }
    self.init(fields)
  }

  /// Refuses fields that a later version, or a slip, may have put there.
  fileprivate func allow(_ names: Set<String>) throws {
    for field in fields.keys.sorted() where !names.contains(field) {
      throw InputError(
        String(field.prefix(60)), problem: "is not known",
        expected: names.sorted().joined(separator: ", "))
    }
  }

  /// Every field of this object, read; errors name the field.
  fileprivate func entries<Value>(
    _ read: (JSONValue, String) throws -> Value
  ) throws -> [String: Value] {
    var result: [String: Value] = [:]
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      result[name] = try within(String(name.prefix(60))) { try read(value, name) }
    }
    return result
  }

  /// The same of the object at `field`; none where it is absent.
  fileprivate func entries<Value>(
    _ field: String, _ read: (JSONValue, String) throws -> Value
  ) throws -> [String: Value] {
    guard let object = try object(field) else { return [:] }
    return try within(field) { try object.entries(read) }
  }
}
