import Engine
import Input
import Machine
import Model
import Records
import Weights

/// Architectures in memory together, and every test of each ready to run.
final class TestBed {
  /// One test of one architecture.
  struct Cell {
    let model: PreparedModel
    let test: ThroughputTest
    let plan: RunPlan
    /// Experts that its timed steps have read.
    let reads = ExpertReads()
    var name: String { "\(model.architecture.name) \(test.name), batch \(test.batch)" }
  }

  /// Sums over timed steps and layers with experts.
  final class ExpertReads {
    private var distinct = 0
    private var layers = 0

    func add(_ reads: Engine.ExpertReads) {
      distinct += reads.distinct
      layers += reads.layers
    }

    var mean: Double? { layers > 0 ? Double(distinct) / Double(layers) : nil }
  }

  let settings: ThroughputBench.Settings
  let topology: Topology
  let team: ThreadTeam
  let kernels: KernelTable
  let cells: [Cell]
  let models: [PreparedModel]
  /// What all models together were expected to take.
  let memoryNeedBytes: Int
  private let report: (String) -> Void

  /// - Parameters:
  ///   - reservedBytes: of memory for other uses.
  /// - Throws: `InputError` where the models do not fit into memory together.
  init(
    _ subjects: [ModelSubject], _ tests: [ThroughputTest],
    _ settings: ThroughputBench.Settings, machine: Machine, reservedBytes: Int,
    report: @escaping (String) -> Void
  ) throws {
    self.settings = settings
    self.report = report
    topology = machine.topology
    team = machine.team
    kernels = machine.kernels
    let prepared = try PreparedModels(
      subjects, PreparedModels.Sizes(tests, settings), settings, machine: machine,
      reservedBytes: reservedBytes, report: report)
    models = prepared.models
    memoryNeedBytes = prepared.memoryNeedBytes
    cells = models.flatMap { model in
      tests.map { test in
        Cell(
          model: model, test: test,
          plan: RunPlan(test, model.architecture, chunk: settings.chunk))
      }
    }
  }

  /// Indices of a test's cells, in the order of the architectures.
  func cells(ofTest test: Int) -> [Int] {
    models.indices.map { $0 * (cells.count / models.count) + test }
  }

  /// What one architecture takes.
  static func need(
    _ subject: ModelSubject, _ tests: [ThroughputTest], _ settings: ThroughputBench.Settings,
    threads: Int
  ) throws -> MemoryNeed {
    try PreparedModels.need(
      subject, PreparedModels.Sizes(tests, settings), settings, threads: threads)
  }

  /// Runs each cell's warm-up; see `WarmUp`.
  ///
  /// - Throws: `InputError` where they show that the settings' time is too short.
  func warmUp(stopped: () -> Bool = { false }) throws -> [WarmUp] {
    let start = SteadyClock.nanoseconds()
    var round = RoundEstimate()
    return try cells.enumerated().map { index, cell in
      report("\(cell.model.architecture.name): warming up \(cell.test.name)")
      var warmUp = WarmUp()
      let plan = RunPlan(
        WarmUp.test(cell.test, chunk: settings.chunk), cell.model.architecture,
        chunk: settings.chunk)
      while !warmUp.isOver, !stopped() {
        let segments = try cell.model.time(plan)
        warmUp.add(seconds: plan.total(segments))
        if warmUp.isOver { round.add(cell.plan, warmUp: plan, segments: segments) }
      }
      let spent = Double(SteadyClock.nanoseconds() - start) * 1e-9
      try round.check(
        settings, spent: spent, tests: cells.count, isWhole: index == cells.count - 1)
      return warmUp
    }
  }
}

extension TestBed.Cell {
  /// Seconds of each of the plan's segments, run once; see `PreparedModel.time`.
  func time(stretch: Double = 0) throws -> [Double] {
    try model.time(plan, stretch: stretch, reads: reads)
  }
}

extension PreparedModels.Sizes {
  /// For all tests.
  fileprivate init(_ tests: [ThroughputTest], _ settings: ThroughputBench.Settings) {
    self.init(
      sequences: tests.map(\.batch).max() ?? 1,
      capacity: tests.map { $0.depth + $0.tokensPerSequence }.max() ?? 1,
      maxTokens: tests.map { $0.mostTokens(chunk: settings.chunk) }.max() ?? 1,
      // Integrated workloads visit every depth they hold.
      depth: tests.map { $0.isIntegrated ? $0.depth + $0.tokensPerSequence : $0.depth }.max() ?? 0)
  }
}
