import Engine
import Formats
import Foundation
import Machine
import Model
import Numerics
import Records
import Weights

/// Measures throughput of architectures with random weights.
///
/// All architectures are in memory at once, and their tests run interleaved, in a new random order
/// in each block, so that a change of the machine's mood hits all alike.
public struct ThroughputBench {
  public struct Settings: Sendable {
    /// Storage of weights. `nil`: as a file stores them, bf16 of random ones.
    public var dtype: WeightFormat?
    /// Storage of a model's weights; `nil`: as its file stores them, bf16 of random ones.
    func format(of subject: ModelSubject) -> WeightFormat? {
      subject.storage ?? dtype
        ?? (subject.weights == nil ? subject.defaultDType.map { WeightFormat($0) } : nil)
    }
    /// Storage of random weights.
    public var randomDType: WeightFormat { dtype ?? .bf16 }
    public var cacheDType = DType.f16
    /// What bf16 weights are multiplied with.
    public var activations = BF16Activations.native
    public var threads: Int?
    /// So many samples of each test, whatever their precision and the time they take.
    public var repetitions: Int?
    /// Half the interval's width over the median at which a test has samples enough.
    public var precision = 0.01
    /// Seconds for the warm-ups and samples of all tests together.
    public var budgetSeconds = 60.0
    /// So many rounds of all tests are run whatever the budget. Six give a median its 95% interval.
    public var fewestRounds = 1
    /// A run whose fewest rounds take longer is refused after its warm-ups; `nil`: none is.
    public var longestSeconds: Double?
    /// Most tokens of one prefill step.
    public var chunk = 512
    public var seed: UInt64 = 0
    /// Exponent of Zipf's law by which tokens choose experts where weights are random; `nil`: 0, evenly.
    public var routing: Double?

    /// How a model's tokens choose experts; `nil` where its router does, or it has none.
    func routing(of subject: ModelSubject) -> Routing? {
      subject.weights == nil ? routing(of: subject.architecture) : nil
    }

    /// The same of an architecture with random weights.
    package func routing(of architecture: Architecture) -> Routing? {
      architecture.firstExperts == nil ? nil : Routing(exponent: routing ?? 0)
    }

    public init() {}
  }

  /// What a run gives: a record for each architecture and test that was measured, in the order asked
  /// for, and the
  /// trace of each architecture's last repetition where one was asked for.
  public struct Results {
    /// The best that the machine was seen to do.
    public var limits: MachineLimits
    public var records: [ThroughputRecord] = []
    public var traces: [(name: String, events: [OperatorTrace.Event])] = []
    /// The same, a row an operator.
    public var operators: [OperatorTiming] = []
  }

  private let settings: Settings
  private let tests: [ThroughputTest]
  private let machine: Machine
  private let stopped: () -> Bool
  private let report: (String) -> Void

  /// - Parameters:
  ///   - stopped: whether the run is to end with what it has.
  ///   - report: told what is being done, for a progress line.
  public init(
    _ tests: [ThroughputTest], _ settings: Settings, stopped: @escaping () -> Bool = { false },
    report: @escaping (String) -> Void
  ) throws {
    self.stopped = stopped
    self.tests = tests
    self.settings = settings
    self.report = report
    machine = try Machine(threads: settings.threads, activations: settings.activations)
  }

  /// What one model takes in a run of these tests.
  package static func memoryNeed(
    _ subject: ModelSubject, _ tests: [ThroughputTest], _ settings: Settings
  ) throws -> MemoryNeed {
    try TestBed.need(
      subject, tests, settings, threads: settings.threads ?? ThreadTeam.defaultCount(Topology()))
  }

  /// Bytes that measuring the machine's limits takes beside.
  package static func reservedBytes(_ settings: Settings) throws -> Int {
    let topology = try Topology()
    return LimitsMeter.bytes(
      threads: settings.threads ?? ThreadTeam.defaultCount(topology), topology: topology)
  }

  /// Measures every architecture in every test, with random weights.
  public func run(_ architectures: [Architecture], tracedRounds: Int = 0) throws -> Results {
    try run(architectures.map(ModelSubject.init), tracedRounds: tracedRounds)
  }

  /// Measures every model in every test.
  ///
  /// - Parameters:
  ///   - tracedRounds: how often every test is run once more, traced.
  ///   - ready: called before the first sample, when nothing is left that could refuse the run; not
  ///     where it was stopped.
  /// - Throws: `InputError` where the models do not fit into memory together, or take too long.
  public func run(
    _ subjects: [ModelSubject], tracedRounds: Int = 0, ready: () throws -> Void = {}
  ) throws -> Results {
    let start = Date()
    let environment = EnvironmentCapture.now(
      topology: machine.topology, kernels: machine.kernels, threadsPinned: machine.team.pinned)
    let bed = try TestBed(
      subjects, tests, settings, machine: machine,
      reservedBytes: LimitsMeter.bytes(threads: machine.team.count, topology: machine.topology),
      report: report)
    report("measuring the machine's limits")
    let stage = TestBedStage(
      bed,
      try LimitsMeter(team: machine.team, kernels: machine.kernels, topology: machine.topology))
    let limits = LimitsWatch(stage)
    let begin = SteadyClock.nanoseconds()
    let warmUps = try bed.warmUp(stopped: stopped)
    if !stopped() { try ready() }
    let measured = try SamplingLoop(
      tests: tests.indices.map(bed.cells(ofTest:)), tokens: bed.cells.map(\.test.tokens), settings,
      spentSeconds: Double(SteadyClock.nanoseconds() - begin) * 1e-9, stopped: stopped,
      report: { report("\($0) \(bed.cells[$1].name)") }
    ).run(on: stage, limits)
    var results = Results(limits: limits.best)
    // A run that was stopped may have no sample of some.
    for (index, cell) in bed.cells.enumerated() where !measured[index].samples.isEmpty {
      results.records.append(
        ThroughputRecord(
          cell, measured[index], warmUp: warmUps[index], limits: limits.best, bed: bed,
          environment: environment, start))
    }
    if tracedRounds > 0, !stopped() {
      let traced = try trace(bed, limits, rounds: tracedRounds)
      results.traces = traced.traces
      results.operators = traced.operators
    }
    report("")
    return results
  }

  /// Runs every test some more times, traced, the same test of all architectures one after another.
  private func trace(_ bed: TestBed, _ limits: LimitsWatch, rounds: Int) throws -> Traced {
    var traced = Traced()
    var events = bed.cells.map { _ in [OperatorTrace.Event]() }
    var around = bed.cells.map { _ in limits.before() }
    for round in 1...rounds {
      report("tracing [\(round)/\(rounds)]")
      let traces = bed.models.map { model in
        OperatorTrace(model.architecture, weights: model.storage, cache: settings.cacheDType)
      }
      for (model, index) in tests.indices.flatMap({ bed.cells(ofTest: $0).enumerated() }) {
        let cell = bed.cells[index]
        let trace = traces[model]
        let known = trace.events.count
        let before = limits.before()
        cell.model.engine.trace = trace
        defer { cell.model.engine.trace = nil }
        _ = try cell.time()
        around[index] = around[index].best(with: limits.after(before))
        events[index] += trace.events[known...]
      }
      traced.traces = zip(bed.models, traces).map { ($0.architecture.name, $1.events) }
    }
    for (index, cell) in bed.cells.enumerated() {
      traced.operators += OperatorTiming.rows(
        events[index], subject: cell.model.architecture.name, device: Processor.model,
        weights: cell.model.storage, cache: settings.cacheDType, limits: around[index])
    }
    return traced
  }

  private struct Traced {
    /// Of the last round.
    var traces: [(name: String, events: [OperatorTrace.Event])] = []
    var operators: [OperatorTiming] = []
  }
}
