import ArgumentParser
import Formats
import Model
import Reports
import Weights

struct Describe: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Parameters, ratios, FLOPs and bytes per token of architectures.")

  @OptionGroup var options: SubjectOptions

  @Option(help: .weightFormat)
  var dtype: WeightFormat?

  @Option(help: "Tokens already in the cache when FLOPs and bytes per token are counted.")
  var depth = 0

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let depth = try nonNegative("--depth", depth)
    let descriptions = try options.named().map { argument in
      let subject = try ModelSubject.resolve(argument)
      warn(of: subject)
      // The token that is counted comes after those in the cache.
      try subject.architecture.check(positions: depth + 1)
      return try ArchitectureDescription(
        subject.architecture,
        dtype: dtype ?? subject.defaultDType.map { WeightFormat($0) } ?? .bf16,
        cacheDType: options.cacheDtype.dtype, depth: depth)
    }
    switch output {
    case .json: try emit(JSONText.encode(descriptions))
    case .table:
      try emit(
        page: descriptions.count == 1
          ? descriptions[0].table : ArchitectureComparison.rendered(descriptions))
    }
  }
}
