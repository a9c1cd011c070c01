import CostModel
import Formats
import Foundation
import Input
import Records
import TestSupport
import Testing

@Suite struct ProfileTests {
  static let names = [
    "a100-40gb", "a100-80gb", "a10g", "b200", "gh200", "h100-pcie", "h100-sxm", "h200-sxm", "l4",
    "l40s", "mi300x", "rtx-3090", "rtx-4090", "rtx-pro-6000",
  ]

  static func shipped(_ name: String) throws -> DeviceProfile {
    try DeviceProfile(
      contentsOf: Files.root.appendingPathComponent("profiles/devices/\(name).json"))
  }

  @Test(arguments: names)
  func shippedProfilesAreWhole(name: String) throws {
    let profile = try Self.shipped(name)
    #expect(profile.name == name)
    for limit in [
      "peak_flops", "memory_bandwidth", "memory_capacity", "units", "last_level_cache",
      "link_bandwidth", "clock", "shared_memory",
    ] {
      #expect(
        profile.sources[limit]?.isEmpty == false, "\(name) does not say where \(limit) is from")
    }
    let again = try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("device.json")
      try profile.fileText().write(to: file, atomically: true, encoding: .utf8)
      return try DeviceProfile(contentsOf: file)
    }
    #expect(again == profile)
  }

  /// Coefficients of a form that has changed since are no coefficients.
  @Test(arguments: names)
  func coefficientsAreThoseOfTheForms(name: String) throws {
    let profile = try Self.shipped(name)
    for storage in NumberStorage.all {
      for settings in [
        Predictor.Settings(weights: storage), Predictor.Settings(cache: storage),
      ] {
        do { _ = try Predictor(profile, .vllm, settings) } catch let error as InputError {
          #expect(!error.description.contains("form of it"), "\(error)")
        }
      }
    }
    var old = profile
    let family = MatrixMultiplication.family
    let variant = try #require(old.families[family]?.keys.first)
    old.families[family]?[variant]?.coefficients[0].name = "row_start"
    let error = #expect(throws: InputError.self) {
      try Predictor(old, .vllm, Predictor.Settings())
    }
    #expect(error?.description.contains("families.gemm") == true, "\(String(describing: error))")
    #expect(error?.description.contains("dyno calibrate") == true)
  }

  /// What is shipped in one form only; the forms of others are not guessed among.
  @Test func devicesByTheirShortName() throws {
    #expect(try DeviceZoo.resolve("h200").name == "h200-sxm")
    #expect(throws: InputError.self) { try DeviceZoo.resolve("h100") }
  }

  @Test(arguments: [
    ("\"memory_bandwidth\": 1555000000000", "\"memory_bandwidth\": 1.5", "memory_bandwidth"),
    ("\"units\": 108", "\"units\": 0", "units"),
    ("\"kind\": \"gpu\"", "\"kind\": \"tpu\"", "kind"),
    ("\"bf16\": 312000000000000", "\"bf16\": -1", "bf16"),
    ("\"format\": \"dyno-device\"", "\"format\": \"other\"", "format"),
    ("\"version\": 2", "\"version\": 99", "version"),
    ("\"name\": \"a100-40gb\"", "\"nome\": \"a100-40gb\"", "nome"),
  ])
  func brokenProfilesAreRefused(good: String, bad: String, named: String) throws {
    var text = try Self.shipped("a100-40gb").fileText()
    text = text.replacing(" : ", with: ": ")
    try #require(text.contains(good))
    text = text.replacing(good, with: bad)
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("device.json")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: InputError.self) { try DeviceProfile(contentsOf: file) }
      #expect(error?.description.contains(named) == true)
    }
  }

  /// Coefficients whose quotients would overflow.
  @Test(arguments: ["1e-320", "1e-31", "1e31"]) func absurdCoefficientsAreRefused(
    value: String
  ) throws {
    let text = try Self.shipped("a100-40gb").fileText()
    let place = try #require(text.range(of: "\"value\" : [0-9.e-]+", options: .regularExpression))
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("device.json")
      try text.replacingCharacters(in: place, with: "\"value\" : \(value)")
        .write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: InputError.self) { try DeviceProfile(contentsOf: file) }
      #expect(error?.description.contains("value: is") == true, "\(String(describing: error))")
    }
  }

  /// A fit that has no finite value is the measurements' fault, and no internal error.
  @Test(arguments: [Double.nan, .infinity]) func fitsWithoutAValueAreRefused(
    value: Double
  ) throws {
    var profile = try Self.shipped("a100-40gb")
    let family = MatrixMultiplication.family
    let variant = try #require(profile.families[family]?.keys.first)
    profile.families[family]?[variant]?.coefficients[0].value = value
    let error = #expect(throws: InputError.self) { try profile.fileText() }
    #expect(error?.description.hasPrefix("families: \(family): \(variant): ") == true)
    #expect(error?.description.contains("value: is \(value)") == true)
  }

  /// An exact value of another kind of device moves a carried coefficient half of the way, one of
  /// the same kind nearly all of it, and what does not carry not at all: so shares above 1.
  @Test(arguments: [1.2, 1.5]) func transferShrinks(factor: Double) throws {
    let coefficients = MatrixMultiplication.coefficients
    let known = CalibratedFamily(
      coefficients: coefficients.map {
        CalibratedCoefficient(
          name: $0.name, value: factor * $0.nominal, standardError: 0, provenance: "", samples: 9)
      }, rung: .operators)
    let other = Prior(coefficients, from: [known], sameKind: false)
    let same = Prior(coefficients, from: [known], sameKind: true)
    for (index, coefficient) in coefficients.enumerated() {
      let moved = (other.logValues[index] - log(coefficient.nominal)) / log(factor)
      let isTooMuch = coefficient.name == "memory_share" && factor == 1.5
      #expect(abs(moved - (coefficient.carries && !isTooMuch ? 0.5 : 0)) < 1e-9)
      let nearly = (same.logValues[index] - log(coefficient.nominal)) / log(factor)
      #expect(abs(nearly - 4.0 / 5) < 1e-9)
      let sibling = Prior(coefficients, from: [known], sameKind: true, sameGeneration: true)
      let siblings = (sibling.logValues[index] - log(coefficient.nominal)) / log(factor)
      #expect(abs(siblings - 16.0 / 17) < 1e-9)
      #expect(same.spreads[index] < other.spreads[index] + 1e-12)
    }
  }
}
