import Foundation
import Harness
import Machine
import Records
import Store

/// Measures the units of a plan that a store lacks, each in a child process.
public struct SweepRun {
  public struct Options: Sendable {
    /// Whether units that failed before are tried once more.
    public var retryFailed = false
    /// Seconds that a cell may take.
    public var timeLimit: Double?
    /// What runs a cell: this executable.
    package var executable = CellProcess.executable

    public init() {}
  }

  private let plan: SweepPlan
  private let store: ResultStore
  private let site: MeasuringSite
  private let options: Options
  /// Of this run, in the store.
  private let run: String
  private let stopped: () -> Bool
  private let report: (String) -> Void

  /// - Parameters:
  ///   - run: the run that results belong to, already in the store.
  ///   - stopped: asked often; the sweep ends soon after it says so.
  ///   - report: told what is being done, for a progress line.
  public init(
    _ plan: SweepPlan, store: ResultStore, run: String, site: MeasuringSite, options: Options,
    stopped: @escaping () -> Bool, report: @escaping (String) -> Void
  ) {
    self.plan = plan
    self.store = store
    self.run = run
    self.site = site
    self.options = options
    self.stopped = stopped
    self.report = report
  }

  /// - Throws: `HostError` where the store cannot be written any more; what it holds is intact.
  public func measure() throws -> SweepSummary {
    let lock = try SweepLock(store: store.path)
    let known = try store.unitStates()
    var summary = SweepSummary(units: plan.units.count)
    let identities = plan.identities(on: site)
    let units = plan.units.map {
      PendingUnit(
        cell: plan.cells[$0.cell], identity: identities[$0.cell].identity,
        key: SweepUnit(cell: identities[$0.cell].key, block: $0.block))
    }
    var pending: [PendingUnit] = []
    for unit in units {
      let state = known[unit.key] ?? .init()
      if isSettled(state, before: state) { summary.skip(state) } else { pending.append(unit) }
    }
    var clock = RemainingTime(units: pending.count)
    for (number, unit) in pending.enumerated() {
      let label = "[\(number + 1)/\(pending.count)] \(unit.cell.name)"
      guard
        try lock.acquire(
          stopped: stopped, waiting: { report("\(label): another sweep is measuring, waiting") })
      else { break }
      defer { lock.release() }
      // Somebody who shares the store may have been here since.
      let state = try store.state(of: unit.key)
      if isSettled(state, before: known[unit.key] ?? .init()) {
        summary.skip(state)
        clock.skip()
        continue
      }
      report(label + clock.text)
      clock.begin()
      let result = try measure(unit.cell)
      guard try record(result, of: unit, &summary) else { break }
      clock.end()
    }
    return summary
  }

  private struct PendingUnit {
    let cell: SweepCell
    let identity: String
    let key: SweepUnit
  }

  /// Whether a unit needs no measuring, by its state now and when the sweep began.
  private func isSettled(_ state: ResultStore.UnitState, before: ResultStore.UnitState) -> Bool {
    state.measured || state.failures > (options.retryFailed ? before.failures : 0)
  }

  private func measure(_ cell: SweepCell) throws -> CellResult {
    let process = CellProcess(
      executable: options.executable,
      arguments: BenchArguments.measuring(
        config: CellProcess.configPath, name: cell.architecture.name, cell.test, cell.settings),
      config: try cell.architecture.configText(), timeLimit: options.timeLimit)
    return CellResult(try process.run(stopped: stopped), timeLimit: options.timeLimit)
  }

  /// - Returns: `false` where the sweep is to stop.
  private func record(
    _ result: CellResult, of unit: PendingUnit, _ summary: inout SweepSummary
  ) throws -> Bool {
    let now = Timestamp.now()
    var row = StoredResult(unit: unit.key, run: run, status: .measured, finishedAt: now, record: "")
    switch result {
    case .stopped: return false
    case .measured(let record):
      row.record = record
      let stored = try store.append(row, identity: unit.identity)
      if stored { summary.measured += 1 } else { summary.present += 1 }
    case .failed(let failure):
      row.status = .failed
      row.record = try failureRecord(failure, of: unit.cell, at: now)
      try store.append(row, identity: unit.identity)
      summary.failures.append(
        SweepSummary.FailedCell(cell: unit.cell.name, block: unit.key.block, failure: failure))
    }
    return true
  }

  private func failureRecord(
    _ failure: FailureRecord.Failure, of cell: SweepCell, at time: String
  ) throws -> String {
    let settings = cell.settings
    return try RecordText.encode(
      FailureRecord(
        buildCommit: BuildInformation.commit, cpuInfo: Processor.model,
        modelType: cell.architecture.name, nBatch: settings.chunk,
        nThreads: settings.threads ?? site.defaultThreads, nSequences: cell.test.batch,
        typeWeights: settings.randomDType, typeK: settings.cacheDType, typeV: settings.cacheDType,
        nPrompt: cell.test.promptTokens, nGen: cell.test.generatedTokens, nDepth: cell.test.depth,
        testTime: time,
        architecture: cell.architecture.config, seed: settings.seed, failure: failure))
  }
}
