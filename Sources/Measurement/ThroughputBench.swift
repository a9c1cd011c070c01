import Architectures
import Engine
import Foundation
import Host
import Numerics
import Operators
import Records
import Weights

/// Measures throughput of architectures with random weights.
///
/// All architectures are in memory at once, and their tests run interleaved, in a new random order
/// in each repetition, so that a change of the machine's mood hits all alike.
public struct ThroughputBench {
  public struct Settings: Sendable {
    public var dtype = DType.bf16
    public var cacheDType = DType.f16
    public var threads: Int?
    public var repetitions = 5
    /// Most tokens of one prefill step.
    public var chunk = 512
    public var seed: UInt64 = 0

    public init() {}
  }

  /// What a run gives: a record for each architecture and test, in the order asked for, and the
  /// trace of each architecture's last repetition where one was asked for.
  public struct Results {
    public var records: [ThroughputRecord] = []
    public var traces: [(name: String, events: [OperatorTrace.Event])] = []
    /// The same, a row an operator.
    public var operators: [OperatorTiming] = []
  }

  private let settings: Settings
  private let tests: [ThroughputTest]
  private let team: ThreadTeam
  private let kernels: KernelTable
  private let topology: Topology
  private let report: (String) -> Void

  /// - Parameter report: told what is being done, for a progress line.
  public init(
    _ tests: [ThroughputTest], _ settings: Settings, report: @escaping (String) -> Void
  ) throws {
    self.tests = tests
    self.settings = settings
    self.report = report
    topology = try Topology()
    team = try ThreadTeam(count: settings.threads, topology: topology)
    kernels = try KernelTable.selected()
  }

  /// One architecture made ready to run.
  private struct Subject {
    let architecture: Architecture
    let engine: Engine
    /// Seconds that making the weights took.
    let initializationSeconds: Double
    /// By test.
    var samples: [[Sample]]
  }

  /// One run of a test, and what the machine could do right before and after it.
  private struct Sample {
    let nanoseconds: Int
    let limits: MachineLimits
  }

  /// Measures every architecture in every test.
  ///
  /// - Throws: `InputError` where the models do not fit into memory together.
  public func run(_ architectures: [Architecture], traced: Bool = false) throws -> Results {
    let start = Date()
    let available = AvailableMemory.bytes()
    let needs = try architectures.map(need)
    for (architecture, need) in zip(architectures, needs) {
      try need.check(architecture.name, available: available)
    }
    let meterBytes = LimitsMeter.bytes(threads: team.count, topology: topology)
    try MemoryNeed(sumOf: needs).check(
      "\(architectures.count) architectures together", available: max(0, available - meterBytes))

    report("measuring the machine's limits")
    let meter = try LimitsMeter(team: team, kernels: kernels, topology: topology)
    for _ in 0..<3 { meter.sample() }
    var subjects = try architectures.map(prepare)
    var order = SeededGenerator(seed: settings.seed)
    let cells = subjects.indices.flatMap { s in tests.indices.map { (subject: s, test: $0) } }
    for cell in cells { try warmUp(subjects[cell.subject], tests[cell.test]) }
    var done = 0
    for _ in 0..<settings.repetitions {
      for cell in cells.shuffled(using: &order) {
        let subject = subjects[cell.subject]
        let test = tests[cell.test]
        done += 1
        report(
          "[\(done)/\(cells.count * settings.repetitions)] \(subject.architecture.name) "
            + "\(test.name), batch \(test.batch)")
        let before = meter.sample()
        let nanoseconds = try time(test, on: subject.engine)
        let sample = Sample(
          nanoseconds: nanoseconds, limits: before.best(with: meter.sample()))
        subjects[cell.subject].samples[cell.test].append(sample)
      }
    }
    var results = Results()
    for cell in cells {
      let subject = subjects[cell.subject]
      results.records.append(
        record(
          subject, tests[cell.test], samples: subject.samples[cell.test], limits: meter.limits,
          memoryNeedBytes: MemoryNeed(sumOf: needs).total + meterBytes, start))
    }
    if traced {
      for subject in subjects {
        let (events, rows) = try trace(subject, meter)
        results.traces.append((subject.architecture.name, events))
        results.operators += rows
      }
    }
    report("")
    return results
  }

  private var sequences: Int { tests.map(\.batch).max() ?? 1 }
  private var capacity: Int { tests.map { $0.depth + $0.tokensPerSequence }.max() ?? 1 }
  private var maxTokens: Int {
    tests.map { test in
      switch test.phase {
      case .prefill: min(settings.chunk, test.tokens)
      case .decode: test.batch
      }
    }.max() ?? 1
  }

  private func need(_ architecture: Architecture) throws -> MemoryNeed {
    MemoryNeed(
      architecture, weights: try architecture.weightBytes(settings.dtype),
      cache: settings.cacheDType, sequences: sequences, capacity: capacity, maxTokens: maxTokens,
      maxLogits: sequences, threads: team.count)
  }

  private func prepare(_ architecture: Architecture) throws -> Subject {
    report("\(architecture.name): random \(settings.dtype) weights")
    let start = SteadyClock.nanoseconds()
    let weights = try ModelWeights.random(
      architecture, dtype: settings.dtype, seed: settings.seed, team: team, kernels: kernels)
    let seconds = Double(SteadyClock.nanoseconds() - start) * 1e-9
    let engine = try Engine(
      weights, cache: settings.cacheDType, sequences: sequences, capacity: capacity,
      maxTokens: maxTokens, maxLogits: sequences, team: team, kernels: kernels)
    let depth = tests.map(\.depth).max() ?? 0
    engine.cache.fillSynthetically(
      toDepth: depth, seed: settings.seed, team: team,
      kernels: kernels)
    return Subject(
      architecture: architecture, engine: engine, initializationSeconds: seconds,
      samples: tests.map { _ in [] })
  }

  /// Touches weights, cache and code once: a whole prefill chunk, or one decode step.
  private func warmUp(_ subject: Subject, _ test: ThroughputTest) throws {
    report("\(subject.architecture.name): warming up \(test.name)")
    var short = test
    switch test.phase {
    case .prefill(let tokens): short.phase = .prefill(min(tokens, settings.chunk))
    case .decode: short.phase = .decode(1)
    }
    _ = try time(short, on: subject.engine)
  }

  /// Nanoseconds of one run of a test.
  private func time(_ test: ThroughputTest, on engine: Engine) throws -> Int {
    for sequence in 0..<test.batch {
      engine.cache.setLength(test.depth, ofSequence: sequence)
    }
    var tokens = SeededGenerator(seed: settings.seed)
    let vocabulary = engine.weights.architecture.vocabularySize
    let steps = test.steps(chunk: settings.chunk).map { step in
      (
        inputs: step.parts.map { part in
          Engine.Input(
            sequence: part.sequence,
            tokens: (0..<part.count).map { _ in Int.random(in: 0..<vocabulary, using: &tokens) })
        }, logits: step.logits
      )
    }
    let start = SteadyClock.nanoseconds()
    for step in steps { try engine.forward(step.inputs, logits: step.logits) }
    return SteadyClock.nanoseconds() - start
  }

  /// Runs every test once more, traced, between two samples of the machine's limits.
  private func trace(
    _ subject: Subject, _ meter: LimitsMeter
  ) throws -> (events: [OperatorTrace.Event], rows: [OperatorTiming]) {
    report("\(subject.architecture.name): tracing")
    let trace = OperatorTrace(
      subject.architecture, weights: settings.dtype, cache: settings.cacheDType)
    var rows: [OperatorTiming] = []
    for test in tests {
      let known = trace.events.count
      let before = meter.sample()
      subject.engine.trace = trace
      defer { subject.engine.trace = nil }
      _ = try time(test, on: subject.engine)
      subject.engine.trace = nil
      rows += OperatorTiming.rows(
        Array(trace.events[known...]), subject: subject.architecture.name,
        device: Processor.model, weights: settings.dtype, cache: settings.cacheDType,
        limits: before.best(with: meter.sample()))
    }
    return (trace.events, rows)
  }

  // MARK: Records

  private func record(
    _ subject: Subject, _ test: ThroughputTest, samples: [Sample], limits: MachineLimits,
    memoryNeedBytes: Int, _ start: Date
  ) -> ThroughputRecord {
    let architecture = subject.architecture
    let nanoseconds = samples.map(\.nanoseconds)
    let seconds = nanoseconds.map { Double($0) * 1e-9 }
    let rates = seconds.map { Double(test.tokens) / $0 }
    let median = Quantiles.median(seconds)
    let work = Work(
      test, architecture, weights: settings.dtype, cache: settings.cacheDType,
      chunk: settings.chunk)
    let paired = samples.map { work.floorSeconds($0.limits) / (Double($0.nanoseconds) * 1e-9) }
    var phase = (prompt: 0, generate: 0)
    switch test.phase {
    case .prefill(let tokens): phase.prompt = tokens
    case .decode(let tokens): phase.generate = tokens
    }
    return ThroughputRecord(
      buildCommit: BuildInformation.commit, cpuInfo: Processor.model,
      modelType: architecture.name,
      modelSize: subject.engine.weights.matrixBytes, modelNParams: architecture.parameters.total,
      nBatch: settings.chunk, nThreads: team.count, nSequences: test.batch,
      typeWeights: settings.dtype, typeK: settings.cacheDType, typeV: settings.cacheDType,
      nPrompt: phase.prompt, nGen: phase.generate, nDepth: test.depth,
      testTime: ISO8601DateFormatter().string(from: start),
      avgNs: Int(Moments.mean(nanoseconds.map(Double.init))),
      stddevNs: Int(Moments.standardDeviation(nanoseconds.map(Double.init))),
      avgTs: Moments.mean(rates), stddevTs: Moments.standardDeviation(rates),
      samplesNs: nanoseconds,
      samplesTs: rates, medianTs: Double(test.tokens) / median,
      ci95Ts: Quantiles.medianInterval(rates).map { [$0.lowerBound, $0.upperBound] },
      gflops: work.flops / median * 1e-9, gbps: work.bytes / median * 1e-9,
      peakFraction: work.flops / median / limits.multiplyAddPeak,
      bandwidthFraction: work.bytes / median / limits.readBandwidth,
      floorFraction: work.floorSeconds(limits) / median,
      pairedFloorFraction: Quantiles.median(paired), limits: limits,
      initializationS: subject.initializationSeconds,
      processPeakBytes: ProcessMemory.peakBytes(), memoryNeedBytes: memoryNeedBytes,
      architecture: architecture.config,
      environment: RunEnvironment(
        topology: topology.summary, operatingSystem: OperatingSystem.description,
        instructionSet: kernels.name, openblas: OpenBLAS.configuration, threadsPinned: team.pinned),
      warnings: warnings(architecture, test, rates), seed: settings.seed)
  }

  private func warnings(
    _ architecture: Architecture, _ test: ThroughputTest, _ rates: [Double]
  ) -> [String] {
    var warnings: [String] = []
    if !team.pinned { warnings.append("threads could not be pinned: results may vary") }
    if test.depth + test.tokensPerSequence > architecture.maxPositions {
      warnings.append(
        "\(test.depth + test.tokensPerSequence) positions exceed the model's "
          + "\(architecture.maxPositions)")
    }
    let spread = Moments.standardDeviation(rates) / Moments.mean(rates)
    if spread > 0.05 {
      warnings.append(
        "samples spread by \(Int((100 * spread).rounded()))%: other work on this machine? "
          + "More --repetitions narrow the interval")
    }
    return warnings
  }
}

/// FLOPs and bytes of a test, step by step.
struct Work {
  private var steps: [(flops: Double, bytes: Double)] = []

  var flops: Double { steps.reduce(0) { $0 + $1.flops } }
  var bytes: Double { steps.reduce(0) { $0 + $1.bytes } }

  /// The least time that a machine's limits allow: of each step, its FLOPs at peak or its bytes at
  /// full bandwidth, whichever takes longer.
  func floorSeconds(_ limits: MachineLimits) -> Double {
    steps.reduce(0) {
      $0 + max($1.flops / limits.multiplyAddPeak, $1.bytes / limits.readBandwidth)
    }
  }

  init(
    _ test: ThroughputTest, _ architecture: Architecture, weights: DType, cache: DType, chunk: Int
  ) {
    var lengths = Array(repeating: test.depth, count: test.batch)
    for planned in test.steps(chunk: chunk) {
      let step = Step(
        sequences: planned.parts.map { Step.Sequence(cached: lengths[$0.sequence], new: $0.count) },
        logits: planned.logits)
      let operators = architecture.operators(of: step, weights: weights, cache: cache)
      // What must come from memory: weights and cache. Activations stay in the caches.
      steps.append(
        (
          flops: operators.reduce(0) { $0 + $1.flops },
          bytes: operators.reduce(0) { $0 + $1.weightBytes + $1.cacheReadBytes }
        ))
      for part in planned.parts { lengths[part.sequence] += part.count }
    }
  }
}
