import Architectures
import ArgumentParser

// What several commands accept, spelled the same everywhere.

extension DType: ExpressibleByArgument {
  static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

/// Architectures, and how their numbers are stored.
struct SubjectOptions: ParsableArguments {
  @Argument(help: .architectures)
  var architectures: [String]

  @Option(help: "Storage of weights: \(DType.listed).")
  var dtype = DType.bf16

  @Option(help: "Storage of the KV cache: f32, f16, bf16 or q8_0.")
  var cacheDtype = CacheType(.f16)
}

/// Storage of the KV cache: what attention can stream.
struct CacheType: ExpressibleByArgument {
  let dtype: DType

  init(_ dtype: DType) { self.dtype = dtype }

  init?(argument: String) {
    guard let dtype = DType(rawValue: argument), DType.ofCaches.contains(dtype) else { return nil }
    self.dtype = dtype
  }

  var defaultValueDescription: String { dtype.rawValue }
  static var allValueStrings: [String] { DType.ofCaches.map(\.rawValue) }
}

/// Non-negative counts, separated by commas.
struct CountList: ExpressibleByArgument {
  /// Larger counts are mistakes, and products of them would overflow.
  static let largest = 10_000_000

  let values: [Int]

  init(_ values: [Int]) { self.values = values }

  init?(argument: String) {
    let values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    let counts = values.compactMap { $0 }.filter { (0...Self.largest).contains($0) }
    guard !counts.isEmpty, counts.count == values.count else { return nil }
    self.values = counts
  }

  var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }

  /// The values of an option that may be given more than once, each once; `nil` where it is not.
  static func joined(_ lists: [CountList]) -> [Int]? {
    lists.isEmpty ? nil : lists.flatMap(\.values).unique
  }
}

extension Array where Element: Hashable {
  /// Each once, in their order.
  var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

func nonNegative(_ option: String, _ value: Int) throws -> Int {
  guard (0...CountList.largest).contains(value) else {
    throw InputError(option, problem: "is \(value)", expected: "0 to \(CountList.largest)")
  }
  return value
}

func positive(_ option: String, _ value: Int) throws -> Int {
  guard value > 0 else {
    throw InputError(option, problem: "is \(value)", expected: "1 to \(CountList.largest)")
  }
  return try nonNegative(option, value)
}

extension ArgumentHelp {
  static let device = ArgumentHelp(
    "A device profile's path or name (see profiles/devices), or host for this machine.",
    valueName: "device")
  static let architectures = ArgumentHelp(
    "A config.json, its folder, or a zoo name (see profiles/architectures).", valueName: "arch")
}

/// A share given in percent: `5%`, `0.5%`.
struct Percentage: ExpressibleByArgument {
  let share: Double

  init(share: Double) { self.share = share }

  init?(argument: String) {
    guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()),
      percent > 0, percent <= 100
    else { return nil }
    share = percent / 100
  }

  var defaultValueDescription: String { "\(100 * share)%".replacing(".0%", with: "%") }
}

/// A length of time: `60s`, `2m`, `500ms`.
struct TimeSpan: ExpressibleByArgument {
  let seconds: Double

  init(seconds: Double) { self.seconds = seconds }

  init?(argument: String) {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60), ("h", 3600)]
    guard let (unit, scale) = units.first(where: { argument.hasSuffix($0.0) }),
      let count = Double(argument.dropLast(unit.count)), count > 0, count.isFinite
    else { return nil }
    seconds = count * scale
  }

  var defaultValueDescription: String {
    "\(seconds)s".replacing(".0s", with: "s")
  }
}

/// Prompt and generated tokens of a workload: `4096x1024`.
struct WorkloadShape: ExpressibleByArgument {
  let prompt: Int
  let generate: Int

  init(prompt: Int, generate: Int) {
    self.prompt = prompt
    self.generate = generate
  }

  init?(argument: String) {
    let parts = argument.split(separator: "x", omittingEmptySubsequences: false)
    let counts = parts.compactMap { Int($0) }.filter { (1...CountList.largest).contains($0) }
    guard parts.count == 2, counts.count == 2 else { return nil }
    self.init(prompt: counts[0], generate: counts[1])
  }

  var defaultValueDescription: String { "\(prompt)x\(generate)" }
}
