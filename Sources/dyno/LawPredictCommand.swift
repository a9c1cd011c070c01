import Architectures
import ArgumentParser
import Reports
import ScalingLaws

struct LawPredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "The loss of architectures, with its interval.")

  @Argument(help: .architectures)
  var architectures: [String]

  @OptionGroup var law: LawOption

  @Option(help: ArgumentHelp("Training tokens, such as 100B.", valueName: "count"))
  var tokens: ScaledCount?

  @Option(help: "table or json.")
  var output = OutputFormat.table

  func run() throws {
    let law = try self.law.resolve()
    let reports = try architectures.map { argument in
      let architecture = try Zoo.resolve(argument)
      let predictor = try LossPredictor(
        law, parameters: Double(architecture.parameters.nonEmbedding), tokens: tokens?.value)
      return LawPredictionReport(
        architecture, law: law, tokens: tokens?.value, try predictor.predict(architecture))
    }
    switch output {
    case .json: try emit(JSONText.encode(reports))
    case .table: try emit(LawPredictionReport.table(reports))
    }
  }
}
