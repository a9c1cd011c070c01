import Foundation
import Harness
import Input
import Numerics
import Records

/// Compares two executables that run in turns on this machine.
public struct InterleavedComparison {
  public struct Settings: Sendable {
    public var rule = VerdictRule(threshold: 0.05)
    /// Seconds for all pairs, starting anew included.
    public var budgetSeconds = 60.0
    public var looks = 4
    public var seed: UInt64 = 0
    /// Seconds that a side may take to prepare, or to answer.
    public var patienceSeconds = 1800.0
    /// What may differ between the sides.
    public var allowed: Set<Difference> = []
    /// A slowdown put into the candidate, to see whether it is found.
    public var injection: Injection?

    public init() {}
  }

  /// A known slowdown of one cell, as a share of its time.
  public struct Injection: Sendable {
    public var cell: Int
    public var slowdown: Double

    public init(cell: Int, slowdown: Double) {
      self.cell = cell
      self.slowdown = slowdown
    }
  }

  private let settings: Settings
  private let report: (String) -> Void

  /// - Parameter report: told what is being done, for a progress line.
  public init(_ settings: Settings, report: @escaping (String) -> Void) {
    self.settings = settings
    self.report = report
  }

  /// - Parameter arguments: those of `bench`, the same for both.
  public func run(
    baseline: String, candidate: String, arguments: [String]
  ) throws -> ComparisonRecord {
    report("preparing both sides")
    let pairs = try LivePairs(
      baseline: baseline, candidate: candidate, arguments: arguments,
      seed: settings.seed, patience: .init(longest: settings.patienceSeconds))
    let hellos = pairs.hellos
    try Difference.check(hellos.baseline, hellos.candidate, allowed: settings.allowed)
    if let cell = settings.injection?.cell, !hellos.baseline.cells.indices.contains(cell) {
      throw InputError(
        "inject_cell", problem: "is \(cell)",
        expected: "0 to \(hellos.baseline.cells.count - 1)")
    }
    let outcome = try judge(pairs)
    report("")
    let cells = hellos.baseline.cells.enumerated().map { index, cell in
      record(cell, hellos.baseline, outcome, index)
    }
    return ComparisonRecord(
      method: .paired,
      baseline: .init(name: baseline, buildCommit: hellos.baseline.buildCommit),
      candidate: .init(name: candidate, buildCommit: hellos.candidate.buildCommit),
      cpuInfo: hellos.baseline.cpuInfo, threshold: settings.rule.threshold,
      familyError: settings.rule.familyError, cells: cells, seed: settings.seed,
      seconds: outcome.seconds, looks: outcome.gate.looksTaken,
      injectedSlowdown: settings.injection?.slowdown, injectedCell: settings.injection?.cell,
      warnings: warnings(outcome, hellos.baseline))
  }

  package struct Outcome {
    package var gate: SequentialGate
    /// By cell.
    package var pairs: [[MeasuredPair]]
    package var seconds: Double
  }

  /// Measures pairs of the cells still open, in blocks of random order, and judges them each time
  /// another part of the budget is spent.
  package func judge(_ source: some PairSource) throws -> Outcome {
    var gate = SequentialGate(
      cells: source.cellCount, rule: settings.rule, looks: settings.looks)
    var pairs = [[MeasuredPair]](repeating: [], count: source.cellCount)
    var order = SeededGenerator(seed: settings.seed, stream: 0)
    func measureBlock() throws {
      report(
        "look \(gate.looksTaken + 1) of \(settings.looks): \(gate.open.count) of "
          + "\(source.cellCount) cells open, \(Int(source.elapsedSeconds)) s")
      for cell in gate.open.shuffled(using: &order) {
        let stretch = settings.injection.flatMap { $0.cell == cell ? $0.slowdown : nil } ?? 0
        let pair = try source.pair(cell: cell, stretch: stretch)
        pairs[cell].append(pair)
        gate.add(
          log(pair.candidate / pair.baseline), to: cell, renewals: source.renewals)
      }
    }
    try measureBlock()  // Every cell has a pair, whatever the budget.
    while !gate.isOver {
      let part = Double(gate.looksTaken + 1) / Double(settings.looks)
      while source.elapsedSeconds < part * settings.budgetSeconds {
        try source.renewIfDue()
        try measureBlock()
      }
      gate.look()
    }
    return Outcome(gate: gate, pairs: pairs, seconds: source.elapsedSeconds)
  }

  private func record(
    _ cell: BenchHello.Cell, _ hello: BenchHello, _ outcome: Outcome, _ index: Int
  ) -> ComparisonRecord.Cell {
    let pairs = outcome.pairs[index]
    let shift = outcome.gate.shift(of: index)
    let judged = outcome.gate.cells[index]
    return ComparisonRecord.Cell(
      modelType: cell.modelType, test: cell.test, nSequences: cell.nSequences,
      typeWeights: cell.typeWeights, typeK: hello.typeK, nThreads: hello.nThreads,
      baselineTs: Double(cell.tokens) / Quantiles.median(pairs.map(\.baseline)),
      candidateTs: Double(cell.tokens) / Quantiles.median(pairs.map(\.candidate)),
      slowdown: expm1(shift.estimate), slowdownInterval: shift.interval.slowdowns,
      pValue: judged.alarm, verdict: judged.verdict, samples: pairs.count,
      suspectSamples: pairs.count { $0.isSuspect })
  }

  private func warnings(_ outcome: Outcome, _ hello: BenchHello) -> [String] {
    var warnings: [String] = []
    if !hello.environment.threadsPinned {
      warnings.append("threads could not be pinned: results may vary")
    }
    let all = outcome.pairs.joined()
    let suspects = all.count { $0.isSuspect }
    if suspects * 4 > all.count {
      warnings.append(
        "\(suspects) of \(all.count) pairs were disturbed by other work on this machine: "
          + "verdicts hold, but more cells may stay inconclusive")
    }
    if !outcome.gate.open.isEmpty {
      warnings.append(
        "\(outcome.gate.open.count) of \(outcome.pairs.count) cells stay open: a longer budget, "
          + "a larger threshold or fewer cells decide them")
    }
    return warnings
  }
}

extension ClosedRange<Double> {
  /// As slowdowns, of an interval in logarithms of time; `nil` where it is unbounded.
  var slowdowns: [Double]? {
    lowerBound.isFinite && upperBound.isFinite ? [expm1(lowerBound), expm1(upperBound)] : nil
  }
}
