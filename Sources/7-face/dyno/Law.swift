import ArgumentParser

struct Law: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Scaling laws: fit one to training runs, predict losses, find the best shape.",
    subcommands: [LawFitCommand.self, LawPredictCommand.self, LawOptimumCommand.self])
}
