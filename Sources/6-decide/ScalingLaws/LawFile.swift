import Foundation
import Input
import Model

// Laws as JSON files: `{"format": "dyno-law", "version": 1, …}`.

extension ScalingLaw {
  private static let format = "dyno-law"
  private static let version = 1

  /// Reads a law file. Errors name the file and the field.
  public init(contentsOf url: URL) throws { try self.init(contentsOf: url) { _ in } }

  /// - Parameter check: given the form's name before anything that the file refers to is read.
  fileprivate init(contentsOf url: URL, check: (String?) throws -> Void) throws {
    self = try within(url.path) {
      try ScalingLaw(
        named: url.deletingPathExtension().lastPathComponent,
        file: InputFile.law.data(at: url.path), folder: InputFile.folder(of: url.path),
        check: check)
    }
  }

  /// Reads the bytes of a law file.
  ///
  /// - Parameters:
  ///   - folder: as for fields.
  ///   - check: given the form's name before anything that the file refers to is read.
  init(
    named name: String, file: Data, folder: URL?, check: (String?) throws -> Void = { _ in }
  ) throws {
    let fields = try JSONObject(parsing: file)
    guard try fields.string("format") == Self.format else {
      throw InputError("format", problem: "is not \(Self.format)", expected: "a law file")
    }
    guard try fields.int("version") == Self.version else {
      throw InputError(
        "version", problem: "is \(fields["version"]?.kind ?? "missing")",
        expected: "\(Self.version)")
    }
    try check(fields.string("form"))
    try self.init(name: name, fields, folder: folder)
  }

  /// - Parameter folder: that names of files are relative to; with `nil` only shipped profiles have names.
  init(name: String, _ fields: JSONObject, folder: URL?) throws {
    let form = try LawForms.named(
      try fields.required("form", JSONObject.string, expected: "the form's name"))
    let values = try fields.required(
      "parameters", JSONObject.object, expected: "an object of numbers")
    let parameters = try within("parameters") {
      for key in values.fields.keys.sorted()
      where !form.parameters.contains(where: { $0.name == key }) {
        throw InputError(
          String(key.prefix(60)), problem: "is no parameter of \(form.name)",
          expected: form.parameters.map(\.name).joined(separator: ", "))
      }
      return try form.parameters.map { parameter in
        let value = try values.required(
          parameter.name, JSONObject.double, expected: "a finite number")
        guard value.isFinite, value > 0 || !parameter.isPositive else {
          throw InputError(
            parameter.name, problem: "is \(value)",
            expected: parameter.isPositive ? "a positive number" : "a finite number")
        }
        return value
      }
    }
    if fields["reference"] != nil, form.referenceRole == .none {
      throw InputError("reference", problem: "is given", expected: "none: \(form.name) needs none")
    }
    let reference = try fields.object("reference").map { object in
      try within("reference") { try LossReference(object, folder: folder) }
    }
    var domain: [Feature: ClosedRange<Double>] = [:]
    if let ranges = try fields.object("domain") {
      for key in ranges.fields.keys.sorted() {
        try within("domain") {
          guard let feature = Feature(rawValue: key), let ends = try ranges.numbers(key),
            ends.count == 2, ends[0] <= ends[1]
          else {
            throw InputError(
              String(key.prefix(60)), problem: "is not a feature and its range",
              expected: "[low, high] of "
                + Feature.allCases.map(\.rawValue).joined(separator: ", "))
          }
          domain[feature] = ends[0]...ends[1]
        }
      }
    }
    self.init(
      name: name, form: form, parameters: parameters, reference: reference,
      uncertainty: try fields.object("uncertainty").map { object in
        try within("uncertainty") { try LawUncertainty(object, form) }
      }, domain: domain, source: try fields.string("source") ?? "")
  }

  /// The text of a law file.
  public func fileText() throws -> String {
    var fields = self.fields
    fields["format"] = .string(Self.format)
    fields["version"] = .integer(Self.version)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(fields), as: UTF8.self) + "\n"
  }

  private var fields: [String: JSONValue] {
    let named = zip(form.parameters.map(\.name), parameters.map(JSONValue.number))
    var fields: [String: JSONValue] = [
      "form": .string(form.name), "formula": .string(form.formula),
      "parameters": .object(Dictionary(uniqueKeysWithValues: named)),
      "source": .string(source),
      "domain": .object(
        Dictionary(
          uniqueKeysWithValues: domain.map {
            ($0.key.rawValue, .numbers([$0.value.lowerBound, $0.value.upperBound]))
          })),
    ]
    switch reference {
    case .law(let law): fields["reference"] = .object(["law": .object(law.fields)])
    case .anchors(let anchors, let scaling):
      var object = ["anchors": JSONValue.array(anchors.map(\.value))]
      if let scaling {
        object["scaling"] = .object(
          scaling.fields.merging(["name": .string(scaling.name)]) { _, name in name })
      }
      fields["reference"] = .object(object)
    case nil: break
    }
    if let uncertainty { fields["uncertainty"] = uncertainty.value }
    return fields
  }
}

extension LossReference {
  fileprivate init(_ fields: JSONObject, folder: URL?) throws {
    if let law = try fields.object("law") {
      let law = try within("law") { try ScalingLaw(name: "reference", law, folder: folder) }
      guard law.form.isOfSizeAndTokensAlone else {
        throw InputError(
          "law", problem: "has form \(law.form.name)", expected: "a law of N and D alone")
      }
      self = .law(law)
      return
    }
    guard let anchors = try fields.array("anchors"), !anchors.isEmpty else {
      throw InputError(problem: "holds neither law nor anchors", expected: "one of them")
    }
    self = .anchors(
      try anchors.enumerated().map { index, value in
        try within("anchors[\(index)]") {
          guard case .object(let fields) = value else {
            throw InputError(problem: "is \(value.kind)", expected: "an object")
          }
          return try LossAnchor(JSONObject(fields), folder: folder)
        }
      }, scaling: try within("scaling") { try Self.scaling(fields["scaling"], folder) })
  }

  /// The law that carries anchors' `L_opt` to other sizes: by name, beside the file or shipped, or
  /// written out.
  private static func scaling(_ value: JSONValue?, _ folder: URL?) throws -> ScalingLaw? {
    func checked(_ form: String?) throws {
      guard let form, try LawForms.named(form).isOfSizeAndTokensAlone else {
        throw InputError(
          problem: "has form \(form ?? "missing")", expected: "a law of N and D alone")
      }
    }
    switch value {
    case nil: return nil
    case .string(let name):
      guard !name.contains("/") else {
        throw InputError(
          problem: "is \"\(name.prefix(60))\"", expected: "the name of a law beside this file")
      }
      let law: ScalingLaw
      if let beside = folder?.appendingPathComponent(name + ".json"),
        FileManager.default.fileExists(atPath: beside.path)
      {
        law = try ScalingLaw(contentsOf: beside, check: checked)
      } else {
        law = try LawZoo.shipped(name)
      }
      try checked(law.form.name)
      return law
    case .object(let fields):
      let law = JSONObject(fields)
      try checked(law.string("form"))
      return try ScalingLaw(name: try law.string("name") ?? "scaling", law, folder: folder)
    case .some(let other):
      throw InputError(problem: "is \(other.kind)", expected: "a law's name, or a law of N and D")
    }
  }
}

extension LossAnchor {
  fileprivate init(_ fields: JSONObject, folder: URL?) throws {
    func positive(_ field: String) throws -> Double {
      let value = try fields.required(field, JSONObject.double, expected: "a positive number")
      guard value.isFinite, value > 0 else {
        throw InputError(field, problem: "is \(value)", expected: "a positive number")
      }
      return value
    }
    let architecture: Architecture
    switch fields["architecture"] {
    case .string(let name):
      architecture = try within("architecture") { try Zoo.resolve(name, below: folder) }
    case .object(let config):
      architecture = try within("architecture") {
        try Architecture(
          name: try fields.string("name") ?? "anchor", config: JSONObject(config))
      }
    default:
      throw InputError(
        "architecture", problem: "is \(fields["architecture"]?.kind ?? "missing")",
        expected: "a zoo name, a path or a config")
    }
    self = try LossAnchor(
      architecture: architecture, tokens: try positive("tokens"), loss: try positive("loss")
    ).validated()
  }

  fileprivate var value: JSONValue {
    .object([
      "name": .string(architecture.name), "architecture": .object(architecture.config),
      "tokens": .number(tokens), "loss": .number(loss),
    ])
  }
}

extension LawUncertainty {
  fileprivate init(_ fields: JSONObject, _ form: any LawForm.Type) throws {
    let deviation = try fields.required(
      "residual_standard_deviation", JSONObject.double, expected: "a number of at least 0")
    guard deviation.isFinite, deviation >= 0 else {
      throw InputError(
        "residual_standard_deviation", problem: "is \(deviation)",
        expected: "a number of at least 0")
    }
    for field in ["degrees_of_freedom", "resampled_rows"] {
      guard let value = try fields.int(field), value < 1 else { continue }
      throw InputError(field, problem: "is \(value)", expected: "at least 1")
    }
    let free = Coordinates(form).count
    let covariance = try fields.matrix("covariance", columns: free)
    if let covariance {
      guard covariance.count == free, covariance.indices.allSatisfy({ covariance[$0][$0] >= 0 })
      else {
        throw InputError(
          "covariance", problem: "is not a covariance",
          expected: "\(free) rows of \(free), the diagonal not negative")
      }
    }
    self.init(
      residualStandardDeviation: deviation,
      degreesOfFreedom: try fields.int("degrees_of_freedom"), covariance: covariance,
      resamples: try fields.matrix("resamples", columns: form.parameters.count) ?? [],
      resampledRows: try fields.int("resampled_rows"))
  }

  fileprivate var value: JSONValue {
    var fields: [String: JSONValue] = [
      "residual_standard_deviation": .number(residualStandardDeviation)
    ]
    if let degreesOfFreedom { fields["degrees_of_freedom"] = .integer(degreesOfFreedom) }
    if let covariance { fields["covariance"] = .array(covariance.map(JSONValue.numbers)) }
    if !resamples.isEmpty { fields["resamples"] = .array(resamples.map(JSONValue.numbers)) }
    if let resampledRows { fields["resampled_rows"] = .integer(resampledRows) }
    return .object(fields)
  }
}

extension JSONValue {
  fileprivate static func numbers(_ values: [Double]) -> JSONValue {
    .array(values.map(JSONValue.number))
  }
}

extension JSONObject {
  fileprivate func numbers(_ field: String) throws -> [Double]? {
    try array(field).map { try Self.numbers($0, field) }
  }

  fileprivate func matrix(_ field: String, columns: Int) throws -> [[Double]]? {
    try array(field)?.map { row in
      guard case .array(let cells) = row, cells.count == columns else {
        throw InputError(
          field, problem: "has a row that is not \(columns) numbers", expected: "rows of numbers")
      }
      return try Self.numbers(cells, field)
    }
  }

  private static func numbers(_ values: [JSONValue], _ field: String) throws -> [Double] {
    try values.map { value in
      switch value {
      case .integer(let integer): return Double(integer)
      case .number(let number) where number.isFinite: return number
      default: throw InputError(field, problem: "holds \(value.kind)", expected: "numbers")
      }
    }
  }
}
