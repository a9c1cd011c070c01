import ArgumentParser
import Comparison
import Foundation
import Input
import Reports

struct Interleave: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "ab",
    abstract: "Compares two builds of dyno, run in turns on this machine.",
    discussion: """
      Both executables prepare the same bench and then run its tests in turns, in random order, \
      some milliseconds at a time, until every test has a verdict or the --budget is spent. Exit \
      codes: 0 no regression, 1 regression, 2 bad input, 3 inconclusive.

      Example: dyno ab --baseline old/dyno --candidate new/dyno -- bench smollm2-135m --prompt 64

      --self-test runs this (or the --baseline) executable against itself, with and without a \
      slowdown of known size (a spin at the end of the candidate's timed sections), and prints how \
      often the gate errs on this machine.
      """)

  @Option(help: "The executable to compare with.")
  var baseline: String?

  @Option(help: "The executable to judge.")
  var candidate: String?

  @Flag(help: "Measure the gate's own error rates on this machine.")
  var selfTest = false

  @Option(help: "Time for all pairs of a comparison.")
  var budget = TimeSpan(seconds: 60)

  @Option(
    help: "Time for the pairs that --self-test draws comparisons from. Default: 20 budgets.")
  var pool: TimeSpan?

  @Option(help: "Comparisons that --self-test draws for each rate.")
  var comparisons = 1000

  @Option(help: "Seed of the order.")
  var seed: UInt64 = 0

  @Option(help: "How long a side may take to prepare, or to answer, before it counts as hung.")
  var patience = TimeSpan(seconds: 1800)

  @Option(help: "Make the candidate slower by so much in one test, to see whether it is found.")
  var inject: Percentage?

  @Option(help: "The test that --inject slows, from 0 in the order of the table.")
  var injectCell = 0

  @OptionGroup var options: ComparisonOptions

  @Argument(parsing: .postTerminator, help: "bench and its arguments, after a --.")
  var command: [String]

  func validate() throws {
    guard command.first == "bench", command.count > 1 else {
      throw ValidationError("after --, bench and its arguments are expected")
    }
    guard selfTest || (baseline != nil && candidate != nil) else {
      throw ValidationError("--baseline and --candidate are needed (or --self-test)")
    }
    guard !selfTest || candidate == nil else {
      throw ValidationError("--self-test runs one executable against itself: no --candidate")
    }
    guard !selfTest || [.table, .json].contains(options.output) && options.write.isEmpty else {
      throw ValidationError("--self-test has --output table or json, and no --write")
    }
  }

  @OptionGroup var page: PageOptions

  func run() throws {
    try options.checkFiles()
    if let baseline { try within("--baseline") { try BenchChild.requireExecutable(baseline) } }
    if let candidate { try within("--candidate") { try BenchChild.requireExecutable(candidate) } }
    let arguments = Array(command.dropFirst())
    var settings = InterleavedComparison.Settings()
    settings.rule = options.rule
    settings.budgetSeconds = budget.seconds
    settings.seed = seed
    settings.patienceSeconds = patience.seconds
    settings.allowed = Set(options.allowDifferent)
    settings.injection = inject.map { .init(cell: injectCell, slowdown: $0.share) }
    let progress = ProgressLine()
    if selfTest { return try runSelfTest(settings, arguments, progress) }
    let comparison = try InterleavedComparison(settings, report: progress.show)
      .run(baseline: baseline ?? "", candidate: candidate ?? "", arguments: arguments)
    progress.clear()
    try options.finish(comparison)
  }

  private func runSelfTest(
    _ gate: InterleavedComparison.Settings, _ arguments: [String], _ progress: ProgressLine
  ) throws {
    guard let executable = baseline ?? Bundle.main.executablePath else {
      throw InputError("--baseline", problem: "is needed here")
    }
    var settings = GateSelfTest.Settings()
    settings.gate = gate
    settings.poolSeconds = pool?.seconds ?? 20 * budget.seconds
    settings.comparisons = try positive("--comparisons", comparisons)
    let record = try GateSelfTest(settings, report: progress.show)
      .run(executable: executable, arguments: arguments)
    progress.clear()
    for warning in record.warnings { warn(warning) }
    switch options.output {
    case .json: try emit(JSONText.encode(record))
    default: try emit(page: GateErrorReport.rendered(record))
    }
  }
}
