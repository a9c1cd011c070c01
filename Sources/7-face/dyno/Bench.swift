import ArgumentParser
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
import Processes
import Records
import Reports
import Store
import Sweeps
import Weights

struct Bench: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Measures throughput of architectures with random weights, and of model files.",
    discussion: """
      An architecture has random weights; a GGUF file, a checkpoint's folder or one of Hugging \
      Face's cache is run with its own, as they are stored or converted to --dtype.

      Each architecture runs every combination of --prompt (prefill) and --generate (decode) with \
      --depth and --batch, interleaved in random order, until the median of each is known to \
      --precision or the --budget is spent. Shares are of this machine's limits, measured in the \
      same run.

      --workload runs whole requests instead: prompts of so many tokens are read, then tokens are \
      made, at each --batch. Only steps at sampled depths are run, and their times summed up for \
      all; --exact runs every step. --prompt and --generate then count only where they are given. \
      Lists that are given more than once add up.

      --concurrency serves the requests of one --workload instead, as an engine does: clients send \
      one after another, and each step holds a chunk of one prompt beside the tokens of all others.
      """)

  @OptionGroup var options: SubjectOptions

  @Option(
    name: .customShort("m"), help: "An architecture or model file more, as llama-bench names it.")
  var model: [String] = []

  @Option(help: .weightFormats)
  var dtype: [CommaSeparated<WeightFormat>] = []

  @Option(
    name: [.long, .customShort("p")],
    help: "Prompt lengths to prefill, comma-separated; 0 for none. Default: 512.")
  var prompt: [CountList] = []

  @Option(
    name: [.long, .customShort("n")],
    help: "Tokens to generate, comma-separated; 0 for none. Default: 128.")
  var generate: [CountList] = []

  @Option(
    name: [.long, .customShort("d")],
    help: "Positions already in the KV cache (synthetic), comma-separated. Default: 0.")
  var depth: [CountList] = []

  @Option(help: "Sequences at once, comma-separated. Default: 1.")
  var batch: [CountList] = []

  @Option(name: [.long, .customShort("b")], help: "Most tokens of one prefill step.")
  var chunk = 512

  @Option(name: [.long, .customShort("t")], help: .threads)
  var threads: Int?

  @Option(help: "Prompt and generated tokens of whole requests, instead of the above.")
  var workload: [WorkloadShape] = []

  @Option(
    name: .customLong("pg", withSingleDash: true),
    help: ArgumentHelp(
      "A workload as llama-bench writes it: PROMPT,GENERATE.", valueName: "prompt,generate"))
  var pair: [PromptAndGenerate] = []

  @Flag(help: "Run every step of the --workload.")
  var exact = false

  @OptionGroup(title: "A server under load")
  var serving: BenchLoadOptions

  @Option(help: "Enough samples: half the interval of the median over the median. Default: 1%.")
  var precision: Percentage?

  @Option(
    help: ArgumentHelp(
      "Time for the warm-ups and samples of all tests together.",
      discussion: """
        Where six samples of each do not fit, nothing is measured, and what they take is said. \
        Default: 60s, or up to ten minutes where six samples take that.
        """))
  var budget: TimeSpan?

  @Flag(help: "Go on over the --budget, or with fewer than six samples within it.")
  var overBudget = false

  @Option(
    name: [.long, .customShort("r")],
    help: "So many samples of each test, whatever --precision and --budget.")
  var repetitions: Int?

  @Option(
    help: ArgumentHelp(
      "How unevenly tokens choose experts where weights are random: exponent of Zipf's law.",
      discussion: "0, the default, is evenly; at 1 the second expert is chosen half as often."))
  var routing: Double?

  @Option(
    help: "What bf16 weights are multiplied with: native (bf16 where the processor does so) or f32."
  )
  var activations = BF16Activations.native

  @Option(help: "Seed of weights, tokens and the order of tests.")
  var seed: UInt64 = 0

  @Option(
    help: "Write one more run's operators to FILE as Chrome trace events (Perfetto opens it).")
  var trace: String?

  @Option(help: "Write one more run's operators to FILE as CSV, a row an operator: shape, seconds.")
  var operators: String?

  @Flag(help: "Give models that have weights random ones too.")
  var randomWeights = false

  @Option(help: "Append the results to the store FILE (see dyno results).")
  var store: String?

  @Option(
    name: [.long, .customShort("o")], help: "table, markdown (md), json or jsonl. Default: table.")
  var output: Format?

  /// What to call the architecture, whose file has no name of its own.
  @Option(help: .hidden)
  var architectureName: String?

  /// Ends when stdin is closed: how `dyno sweep` takes its cells with it.
  @Flag(help: .hidden)
  var endWithStdin = false

  /// Prepares the tests once, then runs them as stdin asks: how `dyno ab` drives both sides.
  @Flag(help: .hidden)
  var serve = false

  enum Format: String, OutputName, CaseIterable {
    case table, markdown, json, jsonl
  }

  @OptionGroup var page: PageOptions

  /// Of which a median has a 95% interval.
  private static let fewestSamples = 6
  private static let longestByDefault = 600.0
  /// Of an architecture: more are a mistake, and would fill the memory.
  private static let mostTests = 10_000.0

  func run() throws {
    if endWithStdin { ParentWatch.endWithStandardInput() }
    var subjects = try options.named(and: model).map(ModelSubject.resolve)
    for subject in subjects {
      _ = try subject.architecture.writtenConfig()  // records hold it
      warn(of: subject)
    }
    if randomWeights { for index in subjects.indices { subjects[index].weights = nil } }
    if let architectureName {
      guard subjects.count == 1 else {
        throw InputError("--architecture-name", problem: "is given with several architectures")
      }
      subjects[0].architecture.name = architectureName
    }
    if serve { try requireNothingToKeep() }
    var settings = ThroughputBench.Settings()
    let formats = dtype.flatMap(\.values).unique
    settings.dtype = formats.first
    if formats.count > 1 {
      subjects = subjects.flatMap { subject in
        formats.map { format in
          var subject = subject
          subject.storage = format
          return subject
        }
      }
    }
    settings.cacheDType = options.cacheDtype.dtype
    settings.threads = threads
    settings.activations = activations
    settings.repetitions = try repetitions.map { try positive("--repetitions", $0) }
    if let precision { settings.precision = precision.share }
    if let budget { settings.budgetSeconds = budget.seconds }
    if repetitions == nil, !overBudget {
      settings.fewestRounds = Self.fewestSamples
      settings.longestSeconds = budget?.seconds ?? Self.longestByDefault
    }
    settings.chunk = try positive("--chunk", chunk)
    settings.seed = seed
    if let routing {
      try checkRouting(routing, subjects.map(\.architecture))
      for subject in subjects where subject.weights != nil {
        throw InputError(
          "--routing", problem: "\(subject.architecture.name) has weights, and its router chooses",
          expected: "an architecture, or --random-weights")
      }
    }
    settings.routing = routing
    if let loads = try serving.loads(workload) { return try run(loads, subjects, settings) }
    let tests = try plannedTests()
    for file in [trace, operators].compactMap({ $0 }) { try requireWritable(file) }
    if let store {
      try ResultStore.check(store)
      try requireWritable(store)
    }

    if serve {
      var requests = BoundedLines(descriptor: STDIN_FILENO)
      let server = try BenchServer(subjects, tests, settings)
      defer { if let seen = server.bestLimits { LimitsCache.learn(seen) } }
      try server.serve(read: { try requests.next() }, write: { try emit($0) })
      return
    }
    let progress = ProgressLine()
    StopRequest.watch()
    // Opened when nothing refuses the run any more, so that one that is refused leaves no trace.
    var recorder: BenchRecorder?
    let results = try ThroughputBench(
      tests, settings, stopped: { StopRequest.signal != nil }, report: progress.show
    )
    .run(
      subjects, tracedRounds: operators != nil ? 3 : trace != nil ? 1 : 0,
      ready: { recorder = try store.map { try BenchRecorder(store: $0) } })
    progress.clear()
    // Results come before files, and the store before a reader that may go away: what cannot be
    // written costs itself only.
    let kept = Swift.Result { try recorder?.append(results.records) }
    try show(results.records) { ThroughputTable.rendered(results.records, $0) }
    for line in WarningLines.lines(results.records) { warn(line) }
    try kept.get()
    LimitsCache.learn(results.limits)
    if let trace { try OutputFile.write(ChromeTrace(results.traces).text(), to: trace) }
    if let operators {
      try OutputFile.write(OperatorTable.text(results.operators), to: operators)
    }
    try endIfStopped()
  }

  private func endIfStopped() throws {
    guard let signal = StopRequest.signal else { return }
    warn("stopped: what was measured until then is kept")
    throw ExitCode(128 + signal)
  }

  /// Measures servers under load.
  private func run(
    _ loads: ServingLoads, _ subjects: [ModelSubject], _ settings: ThroughputBench.Settings
  ) throws {
    try requireNoStaticBatch()
    let progress = ProgressLine()
    StopRequest.watch()
    let results = try LoadBench(
      loads, settings, stopped: { StopRequest.signal != nil }, report: progress.show
    ).run(subjects)
    progress.clear()
    try show(results.records) { LoadTable.rendered(results.records, $0) }
    let measurements = results.records.map(\.measurement)
    for line in WarningLines.lines(
      measurements.map { ("\($0.architecture) \($0.load)", $0.warnings) })
    {
      warn(line)
    }
    LimitsCache.learn(results.limits)
    try endIfStopped()
  }

  private func show(
    _ records: [some Encodable], _ table: (Table.Style) -> String
  ) throws {
    switch output ?? .table {
    case .json: try emit(JSONText.encode(records))
    case .jsonl: for record in records { try emit(RecordText.encode(record)) }
    case .markdown: try emit(table(.markdown))
    case .table: try emit(page: table(.plain))
    }
  }

  /// What a server under load has no use for, or nowhere to keep.
  private func requireNoStaticBatch() throws {
    let ofBatches = [
      ("--prompt", !prompt.isEmpty), ("--generate", !generate.isEmpty),
      ("--depth", !depth.isEmpty), ("--batch", !batch.isEmpty), ("-pg", !pair.isEmpty),
      ("--exact", exact), ("--precision", precision != nil), ("--trace", trace != nil),
      ("--operators", operators != nil), ("--serve", serve),
    ]
    try refuse(
      ofBatches, problem: "does not go with --concurrency",
      expected: "--workload, --requests, --warm-up, --length-range, --repetitions or --budget")
    guard store == nil else {
      throw InputError(
        "--store", problem: "does not go with --concurrency: it takes tests of static batches",
        expected: "--output jsonl, appended to a file")
    }
  }

  /// What `dyno ab` decides by itself, or would not keep.
  private func requireNothingToKeep() throws {
    let ofOneBench = [
      ("--store", store != nil), ("--trace", trace != nil), ("--operators", operators != nil),
      ("--output", output != nil), ("--repetitions", repetitions != nil),
      ("--precision", precision != nil), ("--budget", budget != nil),
      ("--over-budget", overBudget),
    ]
    try refuse(
      ofOneBench, problem: "has no effect in a comparison", expected: "bench without it")
  }

  private func plannedTests() throws -> [ThroughputTest] {
    let phases = try phases()
    let batches = CountList.joined(batch) ?? [1]
    for count in batches { _ = try positive("--batch", count) }
    let depths = CountList.joined(depth) ?? [0]
    // As floating-point numbers, whose product does not overflow.
    let count = [batches.count, depths.count, phases.count].reduce(1.0) { $0 * Double($1) }
    guard count <= Self.mostTests else {
      throw InputError(
        "--batch, --depth, --prompt, --generate",
        problem: "make more than \(Int(Self.mostTests)) tests", expected: "shorter lists")
    }
    return batches.flatMap { batch in
      depths.flatMap { depth in
        phases.map { ThroughputTest($0, depth: depth, batch: batch) }
      }
    }
  }

  private func phases() throws -> [ThroughputTest.Phase] {
    let workload = (workload + pair.map(\.shape)).unique
    guard !exact || !workload.isEmpty else {
      throw InputError("--exact", problem: "has nothing to run", expected: "a --workload")
    }
    // As in sweeps: where there are workloads, others only if they are asked for.
    let prompts = CountList.joined(prompt) ?? (workload.isEmpty ? [512] : [])
    let generates = CountList.joined(generate) ?? (workload.isEmpty ? [128] : [])
    let phases =
      prompts.filter { $0 > 0 }.map(ThroughputTest.Phase.prefill)
      + generates.filter { $0 > 0 }.map(ThroughputTest.Phase.decode)
      + workload.map { .workload(prompt: $0.prompt, generate: $0.generate, exact: exact) }
    guard !phases.isEmpty else {
      throw InputError(
        "--prompt, --generate", problem: "both are 0", expected: "something to measure")
    }
    return phases
  }
}
