import Architectures
import ArgumentParser
import Operators
import Reports

struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Parameters, ratios, FLOPs and bytes per token of architectures.")

  @Argument(help: .architectures)
  var architectures: [String]

  @Option(help: "Storage of weights: \(DType.listed).")
  var dtype = DType.bf16

  @Option(help: "Storage of the KV cache: f32, f16 or bf16.")
  var cacheDtype = CacheType.f16

  @Option(help: "Tokens already in the cache when FLOPs and bytes per token are counted.")
  var depth = 0

  @Option(help: "table or json.")
  var output = OutputFormat.table

  func run() throws {
    let depth = try nonNegative("--depth", depth)
    let descriptions = try architectures.map { argument in
      ArchitectureDescription(
        try Zoo.resolve(argument), dtype: dtype, cacheDType: cacheDtype.dtype, depth: depth)
    }
    switch output {
    case .json: try emit(JSONText.encode(descriptions))
    case .table: try emit(descriptions.map(\.table).joined(separator: "\n\n"))
    }
  }
}
