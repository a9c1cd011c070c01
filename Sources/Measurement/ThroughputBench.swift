import Architectures
import Engine
import Foundation
import Host
import Numerics
import Records

/// Measures throughput of architectures with random weights.
///
/// All architectures are in memory at once, and their tests run interleaved, in a new random order
/// in each block, so that a change of the machine's mood hits all alike.
public struct ThroughputBench {
  public struct Settings: Sendable {
    public var dtype = DType.bf16
    public var cacheDType = DType.f16
    public var threads: Int?
    /// So many samples of each test, whatever their precision and the time they take.
    public var repetitions: Int?
    /// Half the interval's width over the median at which a test has samples enough.
    public var precision = 0.01
    /// Seconds for the samples of all tests together.
    public var budgetSeconds = 60.0
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
  private let machine: Machine
  private let report: (String) -> Void

  /// - Parameter report: told what is being done, for a progress line.
  public init(
    _ tests: [ThroughputTest], _ settings: Settings, report: @escaping (String) -> Void
  ) throws {
    self.tests = tests
    self.settings = settings
    self.report = report
    machine = try Machine(threads: settings.threads)
  }

  /// Measures every architecture in every test.
  ///
  /// - Throws: `InputError` where the models do not fit into memory together.
  public func run(_ architectures: [Architecture], traced: Bool = false) throws -> Results {
    let start = Date()
    let environment = EnvironmentCapture.now(
      topology: machine.topology, kernels: machine.kernels, threadsPinned: machine.team.pinned)
    let bed = try TestBed(
      architectures, tests, settings, machine: machine,
      reservedBytes: LimitsMeter.bytes(threads: machine.team.count, topology: machine.topology),
      report: report)
    report("measuring the machine's limits")
    let limits = LimitsWatch(
      try LimitsMeter(team: machine.team, kernels: machine.kernels, topology: machine.topology))
    let warmUps = try bed.warmUp()
    let measured = try sample(bed, limits)
    var results = Results()
    for (index, cell) in bed.cells.enumerated() {
      results.records.append(
        ThroughputRecord(
          cell, measured[index], warmUp: warmUps[index], limits: limits.best, bed: bed,
          environment: environment, start))
    }
    if traced {
      for model in bed.models {
        let (events, rows) = try trace(model, bed, limits)
        results.traces.append((model.architecture.name, events))
        results.operators += rows
      }
    }
    report("")
    return results
  }

  /// Samples in blocks: each runs once, in random order, the cells that need more.
  private func sample(_ bed: TestBed, _ limits: LimitsWatch) throws -> [CellSamples] {
    let probe = NoiseProbe(
      processors: Array(machine.topology.processors.prefix(machine.team.count)))
    var order = SeededGenerator(seed: settings.seed)
    var cells = bed.cells.map { _ in
      CellSamples(precision: settings.repetitions == nil ? settings.precision : nil)
    }
    let start = SteadyClock.nanoseconds()
    func elapsed() -> Double { Double(SteadyClock.nanoseconds() - start) * 1e-9 }
    func isSpent() -> Bool { settings.repetitions == nil && elapsed() > settings.budgetSeconds }
    var block = 0
    while block < settings.repetitions ?? .max {
      let active = cells.indices.filter { !cells[$0].rates.isPrecise }
      guard !active.isEmpty else { break }
      for index in active.shuffled(using: &order) {
        // The first block is always whole: every cell has a sample.
        guard block == 0 || !isSpent() else { return cells }
        let cell = bed.cells[index]
        report("\(progress(block, elapsed())) \(cell.name)")
        let before = limits.before()
        let begin = elapsed()
        let reading = probe.read()
        let segments = try cell.model.time(cell.plan)
        let noise = probe.evidence(since: reading)
        cells[index].add(
          CellSamples.Sample(
            block: block, startSeconds: begin, segments: segments,
            seconds: cell.plan.total(segments), limits: limits.after(before), noise: noise),
          tokens: cell.test.tokens)
      }
      block += 1
    }
    return cells
  }

  private func progress(_ block: Int, _ elapsed: Double) -> String {
    if let repetitions = settings.repetitions { return "[\(block + 1)/\(repetitions)]" }
    return "[\(Int(elapsed)) of \(Int(settings.budgetSeconds)) s]"
  }

  /// Runs every test once more, traced, between two samples of the machine's limits.
  private func trace(
    _ model: PreparedModel, _ bed: TestBed, _ limits: LimitsWatch
  ) throws -> (events: [OperatorTrace.Event], rows: [OperatorTiming]) {
    report("\(model.architecture.name): tracing")
    let trace = OperatorTrace(
      model.architecture, weights: settings.dtype, cache: settings.cacheDType)
    defer { model.engine.trace = nil }
    var rows: [OperatorTiming] = []
    for cell in bed.cells where cell.model === model {
      let known = trace.events.count
      let before = limits.now()
      model.engine.trace = trace
      _ = try model.time(cell.plan)
      model.engine.trace = nil
      rows += OperatorTiming.rows(
        Array(trace.events[known...]), subject: model.architecture.name,
        device: Processor.model, weights: settings.dtype, cache: settings.cacheDType,
        limits: before.best(with: limits.now()))
    }
    return (trace.events, rows)
  }
}
