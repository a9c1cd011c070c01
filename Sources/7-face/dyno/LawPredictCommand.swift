import ArgumentParser
import Input
import Model
import Reports
import ScalingLaws

struct LawPredictCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "The loss of architectures, with its interval.")

  @Argument(help: .architectures, completion: .architectures)
  var architectures: [String]

  @Option(
    help: ArgumentHelp(
      "A law file, or a shipped law (see profiles/laws); may be repeated.", valueName: "law"),
    completion: .laws)
  var law: [String]

  @OptionGroup var reference: ReferenceOptions

  @Option(
    help: ArgumentHelp(
      "Training tokens, such as 100B. Default: those of the nearest anchor (100B in shipped laws).",
      valueName: "count"))
  var tokens: ScaledCount?

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let laws = try law.map { try reference.applied(to: LawZoo.resolve($0)) }
    let areSeveral = Set(law).count > 1
    let reports = try architectures.flatMap { argument in
      let architecture = try Zoo.resolve(argument)
      let counts = architecture.parameters
      let parameters = Double(counts.activeNonEmbedding)
      if let tokens {
        try within(architecture.name) {
          try TrainingBudget.check(tokens: tokens.value, parameters: parameters)
        }
      }
      return try laws.map { law in
        let predictor = try LossPredictor(
          law, parameters: parameters, tokens: tokens?.value, counts: .active,
          experts: counts.inactive > 0 ? LawZoo.experts() : nil)
        return LawPredictionReport(
          architecture, law: law, tokens: predictor.tokens, try predictor.predict(architecture),
          besideOthers: areSeveral)
      }
    }
    switch output {
    case .json: try emit(JSONText.encode(reports))
    case .table: try emit(page: LawPredictionReport.table(reports))
    }
  }
}
