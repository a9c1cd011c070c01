import ArgumentParser
import Input
import Reports
import ScalingLaws

struct LawOptimumCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "optimum",
    abstract: "The shape of least loss at a size, and the nearest architectures.")

  // Where L_opt comes from does not move the optimum: there are no options for it.
  @Option(
    help: ArgumentHelp("A law file, or a shipped law (see profiles/laws).", valueName: "law"),
    completion: .laws)
  var law: String

  @Option(help: ArgumentHelp("Non-embedding parameters, such as 1B.", valueName: "count"))
  var parameters: ScaledCount

  @Option(help: "Layers.")
  var layers: Int

  @Option(help: "Of each attention head.")
  var headDimension = 64

  @Option(help: "Query heads per KV head.")
  var gqa = 4

  @Option(help: "Hidden and intermediate sizes are multiples of this.")
  var multiple = 128

  @Option(help: "Relative, of the parameters of realisable architectures.")
  var tolerance = 0.02

  @Option(help: "How many realisable architectures.")
  var count = 5

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    for (option, value, limit) in [
      ("--layers", layers, 4096), ("--head-dimension", headDimension, 4096), ("--gqa", gqa, 1024),
      ("--multiple", multiple, 1 << 16), ("--count", count, 1000),
    ] where !(1...limit).contains(value) {
      throw InputError(option, problem: "is \(value)", expected: "1 to \(limit)")
    }
    guard tolerance > 0, tolerance <= ShapeConstraints.widestTolerance else {
      throw InputError(
        "--tolerance", problem: "is \(tolerance)",
        expected: "above 0, up to \(ShapeConstraints.widestTolerance): losses are those of one size"
      )
    }
    let law = try LawZoo.resolve(self.law)
    let optimum = try LawOptimum(law)
    let constraints = ShapeConstraints(
      parameters: parameters.value, layers: layers, headDimension: headDimension,
      queryHeadsPerKeyValueHead: gqa, multiple: multiple, tolerance: tolerance)
    let report = LawOptimumReport(
      law, optimum, constraints,
      architectures: try optimum.realizable(law, constraints, limit: count))
    switch output {
    case .json: try emit(JSONText.encode(report))
    case .table: try emit(page: report.table)
    }
  }
}
