import Engine
import Foundation
import Machine
import Model
import Numerics
import Records
import Weights

/// Measures architectures against a baseline on a machine whose speed drifts: in one process, every
/// candidate's run between two of the baseline's.
///
/// A block is `baseline, candidate, baseline, candidate, …, baseline`, the candidates in a new random
/// order. What the machine does over a second or two hits neighbours alike, and a drift that is
/// straight over three runs cancels. Records hold each sample's place in time, so that the ratios can
/// be formed from them later.
public final class PairedBench {
  private let test: ThroughputTest
  private let settings: ThroughputBench.Settings
  private let machine: Machine
  /// For the models of one group.
  private let memoryBytes: Int
  private let report: (String) -> Void
  /// Made when first needed: it takes memory and a second.
  private var meter: LimitsMeter?

  /// - Parameters:
  ///   - settings: `repetitions` says how many pairs of each candidate are measured.
  ///   - memoryBytes: that models may take at once; candidates are measured in as many groups as
  ///     that needs, the baseline in each.
  ///   - report: told what is being done, for a progress line.
  public init(
    _ test: ThroughputTest, _ settings: ThroughputBench.Settings, memoryBytes: Int,
    report: @escaping (String) -> Void
  ) throws {
    self.test = test
    self.settings = settings
    self.memoryBytes = memoryBytes
    self.report = report
    machine = try Machine(threads: settings.threads, activations: settings.activations)
  }

  /// Threads that do the work.
  public var threads: Int { machine.team.count }
  public var instructionSet: String { machine.kernels.name }
  /// The best that the machine was seen to do; `nil` before anything was measured.
  public var limits: MachineLimits? { meter?.limits }

  /// Candidates that fit into memory together with the baseline, group by group, in their order.
  ///
  /// - Throws: `InputError` where a single one does not fit.
  public func groups(
    _ candidates: [Architecture], against baseline: Architecture
  ) throws -> [[Architecture]] {
    let base = try need(baseline).total
    var groups: [[Architecture]] = []
    var taken = Int.max
    for candidate in candidates {
      let need = try need(candidate)
      try MemoryNeed(sumOf: [need, self.need(baseline)])
        .check("\(candidate.name) and \(baseline.name)", available: memoryBytes)
      if groups.isEmpty || taken > memoryBytes - need.total {
        groups.append([])
        taken = base
      }
      groups[groups.count - 1].append(candidate)
      taken += need.total
    }
    return groups
  }

  private func need(_ architecture: Architecture) throws -> MemoryNeed {
    try TestBed.need(ModelSubject(architecture), [test], settings, threads: machine.team.count)
  }

  /// Measures one group.
  ///
  /// - Returns: a record of the baseline, then one of each candidate.
  /// - Throws: `InputError` where the models do not fit into memory together.
  public func run(
    _ candidates: [Architecture], against baseline: Architecture
  ) throws -> [ThroughputRecord] {
    let start = Date()
    let environment = EnvironmentCapture.now(
      topology: machine.topology, kernels: machine.kernels, threadsPinned: machine.team.pinned)
    let bed = try TestBed(
      ([baseline] + candidates).map(ModelSubject.init), [test], settings, machine: machine,
      reservedBytes: LimitsMeter.bytes(threads: machine.team.count, topology: machine.topology),
      report: report)
    let warmUps = try bed.warmUp()
    let meter =
      try meter
      ?? LimitsMeter(team: machine.team, kernels: machine.kernels, topology: machine.topology)
    self.meter = meter
    let stage = TestBedStage(bed, meter)
    let limits = LimitsWatch(stage)
    let cells = try PairedLoop(
      cellCount: bed.cells.count, tokens: test.tokens, settings, report: report
    ).run(on: stage, limits)
    report("")
    return bed.cells.indices.map { index in
      ThroughputRecord(
        bed.cells[index], cells[index], warmUp: warmUps[index], limits: limits.best, bed: bed,
        environment: environment, start)
    }
  }
}

extension ThroughputRecord {
  /// Natural logarithms of this record's throughput over the baseline's, a sample each: the baseline
  /// at that moment is the geometric mean of its runs right before and after.
  ///
  /// Both records must be of one run of `PairedBench`.
  public func logGains(over baseline: ThroughputRecord) -> [Double] {
    let times = baseline.sampleCircumstances.map(\.startS)
    return zip(sampleCircumstances, samplesNs).compactMap { place, nanoseconds in
      guard let after = times.firstIndex(where: { $0 > place.startS }), after > 0 else {
        return nil
      }
      let around =
        log(Double(baseline.samplesNs[after - 1])) + log(Double(baseline.samplesNs[after]))
      return around / 2 - log(Double(nanoseconds))
    }
  }
}
