import Architectures
import ArgumentParser
import Foundation
import Measurement
import Records
import Reports
import Store
import Sweeps

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures throughput of architectures, with random weights.",
    discussion: """
      Each architecture runs every combination of --prompt (prefill) and --generate (decode) with \
      --depth and --batch, interleaved in random order, until the median of each is known to \
      --precision or the --budget is spent. Shares are of this machine's limits, measured in the \
      same run.

      --workload runs whole requests instead: prompts of so many tokens are read, then tokens are \
      made, at each --batch. Only steps at sampled depths are run, and their times summed up for \
      all; --exact runs every step.
      """)

  @OptionGroup var options: SubjectOptions

  @Option(help: "Prompt lengths to prefill, comma-separated; 0 for none.")
  var prompt = CountList([512])

  @Option(help: "Tokens to generate, comma-separated; 0 for none.")
  var generate = CountList([128])

  @Option(help: "Positions already in the KV cache (synthetic), comma-separated.")
  var depth = CountList([0])

  @Option(help: "Sequences at once, comma-separated.")
  var batch = CountList([1])

  @Option(help: "Most tokens of one prefill step.")
  var chunk = 512

  @Option(help: "Threads, each pinned to a core. Default: one a core.")
  var threads: Int?

  @Option(help: "Prompt and generated tokens of whole requests, instead of the above.")
  var workload: [WorkloadShape] = []

  @Flag(help: "Run every step of the --workload.")
  var exact = false

  @Option(help: "Enough samples: half the interval of the median over the median.")
  var precision = Percentage(share: 0.01)

  @Option(help: "Time for the samples of all tests together.")
  var budget = TimeSpan(seconds: 60)

  @Option(help: "So many samples of each test, whatever --precision and --budget.")
  var repetitions: Int?

  @Option(help: "Seed of weights, tokens and the order of tests.")
  var seed: UInt64 = 0

  @Option(
    help: "Write one more run's operators to FILE as Chrome trace events (Perfetto opens it).")
  var trace: String?

  @Option(help: "Write one more run's operators to FILE as CSV, a row an operator: shape, seconds.")
  var operators: String?

  @Option(help: "Append the results to the store FILE (see dyno results).")
  var store: String?

  @Option(help: "table, markdown, json or jsonl.")
  var output = Format.table

  /// Ends when stdin is closed: how `dyno sweep` takes its cells with it.
  @Flag(help: .hidden)
  var endWithStdin = false

  /// Prepares the tests once, then runs them as stdin asks: how `dyno ab` drives both sides.
  @Flag(help: .hidden)
  var serve = false

  /// With --serve: run this file's weights as they are stored, instead of <arch>. How the comparison
  /// with llama.cpp runs a real model.
  @Option(help: .hidden)
  var model: String?

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, markdown, json, jsonl }

  func run() throws {
    if endWithStdin { ParentWatch.endWithStandardInput() }
    let subjects = try options.architectures.map(Zoo.resolve)
    guard model == nil || serve else {
      throw InputError("--model", problem: "is given without --serve")
    }
    var settings = ThroughputBench.Settings()
    settings.dtype = options.dtype
    settings.cacheDType = options.cacheDtype.dtype
    settings.threads = threads
    settings.repetitions = try repetitions.map { try positive("--repetitions", $0) }
    settings.precision = precision.share
    settings.budgetSeconds = budget.seconds
    settings.chunk = try positive("--chunk", chunk)
    settings.seed = seed
    let tests = try plannedTests()
    for file in [trace, operators].compactMap({ $0 }) { try requireWritable(file) }
    let recorder = try store.map { try BenchRecorder(store: $0) }

    if serve {
      try BenchServer(subjects, model: model, tests, settings).serve(
        read: { readLine() }, write: { try emit($0) })
      return
    }
    let progress = ProgressLine()
    let results = try ThroughputBench(tests, settings, report: progress.show)
      .run(subjects, tracedRounds: operators != nil ? 3 : trace != nil ? 1 : 0)
    progress.clear()
    if let trace {
      let text = try ChromeTrace(results.traces).text()
      try Data(text.utf8).write(to: URL(fileURLWithPath: trace), options: .atomic)
    }
    if let operators {
      try Data(OperatorTable.text(results.operators).utf8)
        .write(to: URL(fileURLWithPath: operators), options: .atomic)
    }
    for record in results.records {
      for warning in record.warnings {
        warn("\(record.modelType) \(record.testName): \(warning)")
      }
    }
    switch output {
    case .json: try emit(JSONText.encode(results.records))
    case .jsonl: for record in results.records { try emit(RecordText.encode(record)) }
    case .markdown: try emit(ThroughputTable.rendered(results.records, .markdown))
    case .table: try emit(ThroughputTable.rendered(results.records))
    }
    try recorder?.append(results.records)
  }

  private func plannedTests() throws -> [ThroughputTest] {
    let phases = try phases()
    for count in batch.values { _ = try positive("--batch", count) }
    return batch.values.flatMap { batch in
      depth.values.flatMap { depth in
        phases.map { ThroughputTest($0, depth: depth, batch: batch) }
      }
    }
  }

  private func phases() throws -> [ThroughputTest.Phase] {
    guard workload.isEmpty else {
      return workload.map {
        .workload(prompt: $0.prompt, generate: $0.generate, exact: exact)
      }
    }
    guard !exact else {
      throw InputError("--exact", problem: "has nothing to run", expected: "a --workload")
    }
    let phases =
      prompt.values.filter { $0 > 0 }.map(ThroughputTest.Phase.prefill)
      + generate.values.filter { $0 > 0 }.map(ThroughputTest.Phase.decode)
    guard !phases.isEmpty else {
      throw InputError(
        "--prompt, --generate", problem: "both are 0", expected: "something to measure")
    }
    return phases
  }
}
