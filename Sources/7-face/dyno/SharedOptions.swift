import ArgumentParser
import Formats
import Input
import Model
import Weights

// What several commands accept, spelled the same everywhere.

extension DType: ExpressibleByArgument {
  static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

extension WeightFormat: ExpressibleByArgument {
  static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
  public static var allValueStrings: [String] { allCases.map(\.rawValue) }
}

extension NumberStorage: ExpressibleByArgument {
  static var listed: String { all.map(\.rawValue).joined(separator: ", ") }
  public static var allValueStrings: [String] { all.map(\.rawValue) }
}

/// Storage of weights that are priced: one format, or a mix of this engine's.
enum PricedWeights: ExpressibleByArgument {
  case one(NumberStorage)
  case mix(WeightFormat)

  init?(argument: String) {
    if let storage = NumberStorage(rawValue: argument) {
      self = .one(storage)
    } else if let format = WeightFormat(rawValue: argument) {
      self = .mix(format)
    } else {
      return nil
    }
  }

  /// Of most matrices.
  var base: NumberStorage {
    switch self {
    case .one(let storage): storage
    case .mix(let format): NumberStorage(format.base)
    }
  }

  var name: String {
    switch self {
    case .one(let storage): storage.rawValue
    case .mix(let format): format.rawValue
    }
  }

  var defaultValueDescription: String { name }
  static var allValueStrings: [String] {
    NumberStorage.allValueStrings + WeightFormat.mixes.map(\.rawValue)
  }
  static var listed: String { allValueStrings.joined(separator: ", ") }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

/// What a command's output may be: `md` is Markdown, as other tools have it.
protocol OutputName: ExpressibleByArgument, RawRepresentable where RawValue == String {}

extension OutputName {
  public init?(argument: String) {
    self.init(rawValue: argument == "md" ? "markdown" : argument)
  }
}

/// Architectures, and how their cache is stored.
struct SubjectOptions: ParsableArguments {
  @Argument(help: .architectures, completion: .architectures)
  var architectures: [String] = []

  @Option(help: "Storage of the KV cache: f32, f16, bf16 or q8_0.")
  var cacheDtype = CacheType(.f16)

  /// - Parameter more: that another option names.
  /// - Throws: `InputError` where nothing is named.
  func named(and more: [String] = []) throws -> [String] {
    let all = architectures + more
    guard !all.isEmpty else {
      let zoo = (try? Zoo.shipped().names()) ?? []
      throw InputError(
        "ARCH", problem: "none is named",
        expected: "\(ModelSubject.kinds); the zoo has \(zoo.joined(separator: ", "))")
    }
    return all
  }
}

extension BF16Activations: ExpressibleByArgument {}

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
  static let largest = WorkloadShape.largest

  let values: [Int]

  init(_ values: [Int]) { self.values = values }

  init?(argument: String) {
    var counts: [Int] = []
    for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let range = Self.range(word) else { return nil }
      counts += range
    }
    guard !counts.isEmpty else { return nil }
    values = counts
  }

  /// `512`, or as `llama-bench` writes ranges: `1-4`, `16-64+16`, `64-512*2`.
  private static func range(_ word: Substring) -> [Int]? {
    func count(_ text: Substring) -> Int? {
      Int(text).flatMap { (0...largest).contains($0) ? $0 : nil }
    }
    let ends = word.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = count(ends[0]) else { return nil }
    guard ends.count == 2 else { return [first] }
    let sign = ends[1].firstIndex { $0 == "+" || $0 == "*" }
    guard let last = count(ends[1][..<(sign ?? ends[1].endIndex)]), last >= first else {
      return nil
    }
    var next: (Int) -> Int = { $0 + 1 }
    if let sign {
      guard let step = count(ends[1][ends[1].index(after: sign)...]) else { return nil }
      if ends[1][sign] == "+" {
        guard step >= 1 else { return nil }
        next = { $0 + step }
      } else {
        guard step >= 2, first >= 1 else { return nil }
        next = { $0 * step }
      }
    }
    var counts: [Int] = []
    var value = first
    while value <= last {
      guard counts.count < mostOfRange else { return nil }
      counts.append(value)
      value = next(value)
    }
    return counts
  }

  /// More tests than these are a mistake.
  private static let mostOfRange = 1000

  static var allValueStrings: [String] {
    ["a count such as 512, several (128,512) or a range (64-512*2, 16-64+16)"]
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

/// Refuses options that would have no effect, or another than meant: all that are given, in one line.
func refuse(
  _ options: [(name: String, isGiven: Bool)], problem: String, expected: String
) throws {
  let given = options.filter(\.isGiven).map(\.name)
  guard given.isEmpty else {
    throw InputError(given.joined(separator: ", "), problem: problem, expected: expected)
  }
}

func positive(_ option: String, _ value: Int) throws -> Int {
  guard value > 0 else {
    throw InputError(option, problem: "is \(value)", expected: "1 to \(CountList.largest)")
  }
  return try nonNegative(option, value)
}

extension ArgumentHelp {
  static let weightFormat: ArgumentHelp = """
    Storage of weights: \(WeightFormat.listed). Default: a file's own, bf16 of random ones.
    """
  static let weightFormats: ArgumentHelp = """
    Storage of weights, or several, each of which is run: \(WeightFormat.listed). Default: a file's \
    own, bf16 of random ones.
    """
  static let threads: ArgumentHelp =
    "Threads, each pinned to a core. Default: one a core, as far as a container's quota allows."
  static let device = ArgumentHelp(
    "A device profile's path or name (see profiles/devices), or host for this machine.",
    valueName: "device")
  static let architectures = ArgumentHelp(
    "A zoo name (see profiles/architectures), a config.json, its folder, or a model file.",
    valueName: "arch")
}

// Where a type names no values of its own, what it prints as such is the form it expects: in help,
// and where an argument is refused.

/// A share given in percent: `5%`, `0.5%`.
extension Percentage: ExpressibleByArgument {
  public init?(argument: String) {
    self.init(argument)
    guard share > 0 else { return nil }
  }

  public static var allValueStrings: [String] { [expected] }
  public var defaultValueDescription: String { "\(100 * share)%".replacing(".0%", with: "%") }
}

extension TimeSpan: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
  public var defaultValueDescription: String { "\(seconds)s".replacing(".0s", with: "s") }
}

/// A workload as `llama-bench -pg` takes it: `512,128`.
struct PromptAndGenerate: ExpressibleByArgument {
  let shape: WorkloadShape

  init?(argument: String) {
    guard argument.contains(","), !argument.contains("x"),
      let shape = WorkloadShape(argument.replacing(",", with: "x"))
    else { return nil }
    self.shape = shape
  }

  static var allValueStrings: [String] { ["prompt and generated tokens such as 512,128"] }
}

extension WorkloadShape: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
  public var defaultValueDescription: String { "\(prompt)x\(generate)" }
}

extension ScaledCount: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
}

/// Refuses an exponent of `--routing` that is none, or that no architecture's experts are chosen by.
func checkRouting(_ exponent: Double, _ architectures: [Architecture]) throws {
  guard Routing.exponents.contains(exponent) else {
    throw InputError(
      "--routing", problem: "is \(exponent)",
      expected: "\(Routing.exponents.lowerBound) to \(Routing.exponents.upperBound)")
  }
  for architecture in architectures where architecture.firstExperts == nil {
    throw InputError(
      "--routing", problem: "\(architecture.name) has no experts",
      expected: "architectures with experts")
  }
}
