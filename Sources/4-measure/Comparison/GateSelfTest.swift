import Foundation
import Harness
import Numerics
import Records

/// Learns on this machine how often the gate errs: an executable against itself.
///
/// One long interleaved run makes a pool of pairs of equal sides and of pairs with a known slowdown;
/// comparisons are drawn from it and judged as `InterleavedComparison` would judge them.
public struct GateSelfTest {
  public struct Settings: Sendable {
    public var gate = InterleavedComparison.Settings()
    /// Seconds of the pool.
    public var poolSeconds = 600.0
    /// Comparisons that are drawn for each rate.
    public var comparisons = 1000

    public init() {}
  }

  private let settings: Settings
  private let report: (String) -> Void

  public init(_ settings: Settings, report: @escaping (String) -> Void) {
    self.settings = settings
    self.report = report
  }

  public func run(executable: String, arguments: [String]) throws -> GateErrorRecord {
    report("preparing both sides")
    let pairs = try LivePairs(
      baseline: executable, candidate: executable, arguments: arguments,
      seed: settings.gate.seed, patience: .init(longest: settings.gate.patienceSeconds),
      // Every other pair is a slowed one: processes make as many equal ones as in a comparison.
      renewalShare: LivePairs.renewalShare / 2)
    let hello = pairs.hellos.baseline
    let pool = try fill(pairs)
    let cells = hello.cells.map { "\($0.modelType) \($0.test), batch \($0.nSequences)" }
    let record = study(
      pool, cells: cells, cpuInfo: hello.cpuInfo, seconds: pairs.elapsedSeconds)
    report("")
    return record
  }

  /// Blocks of random order hold two pairs of each cell: equal sides, and a slowed candidate.
  package func fill(_ source: some PairSource) throws -> PairPool {
    var pool = PairPool(cells: source.cellCount, slowdown: settings.gate.rule.threshold)
    var order = SeededGenerator(seed: settings.gate.seed, stream: 0)
    let visits = (0..<source.cellCount).flatMap { [($0, false), ($0, true)] }
    while source.elapsedSeconds < settings.poolSeconds {
      report(
        "pool: \(pool.blocks) blocks, \(Int(source.elapsedSeconds)) of "
          + "\(Int(settings.poolSeconds)) s")
      var equal = [Double](repeating: 0, count: source.cellCount)
      var stretched = equal
      for (cell, isStretched) in visits.shuffled(using: &order) {
        let pair = try source.pair(cell: cell, stretch: isStretched ? pool.slowdown : 0)
        let ratio = log(pair.candidate / pair.baseline)
        if isStretched { stretched[cell] = ratio } else { equal[cell] = ratio }
      }
      pool.add(equal: equal, stretched: stretched, renewals: source.renewals)
      try source.renewIfDue()
    }
    return pool
  }

  /// Draws comparisons from a pool and counts the gate's errors.
  package func study(
    _ pool: PairPool, cells: [String], cpuInfo: String, seconds: Double
  ) -> GateErrorRecord {
    let gate = settings.gate
    // Half of the pool's time went into slowed pairs, which a comparison does not have.
    let perBlock = seconds / Double(max(1, pool.blocks)) / 2
    let blocksPerLook = max(1, Int(gate.budgetSeconds / Double(gate.looks) / perBlock))
    func rate(
      _ rule: VerdictRule, _ injection: PairPool.Injection?, _ counts: (PairPool.Outcome) -> Bool
    ) -> GateErrorRecord.Rate {
      let outcomes = Bootstrap.replicate(settings.comparisons, seed: gate.seed) { generator in
        pool.compare(
          rule, looks: gate.looks, blocksPerLook: blocksPerLook, injection: injection, &generator)
      }
      let count = outcomes.count(where: counts)
      return .init(
        count: count, trials: outcomes.count,
        interval: BinomialInterval.exact(successes: count, trials: outcomes.count))
    }
    report("drawing comparisons")
    let centers = (0..<pool.cells).map { cell in
      SignedRank.center(pool.equal.map { $0[cell] })
    }
    let slowed = (0..<pool.cells).map { cell in
      SignedRank.center(pool.stretched.map { $0[cell] })
    }
    var record = GateErrorRecord(
      cpuInfo: cpuInfo, cells: cells, threshold: gate.rule.threshold,
      familyError: gate.rule.familyError, comparisonS: gate.budgetSeconds,
      pairsPerCell: blocksPerLook * gate.looks, poolS: seconds, poolPairsPerCell: pool.blocks,
      falseAlarms: rate(gate.rule, nil) { $0.falseAlarms > 0 },
      falseAlarmsAtZero: rate(
        VerdictRule(threshold: 0, familyError: gate.rule.familyError), nil
      ) { $0.falseAlarms > 0 },
      injectedSlowdown: pool.slowdown, found: rate(gate.rule, .measured) { $0.isFound },
      measuredSlowdown: expm1(Quantiles.median(slowed)),
      smallestFound: smallest { slowdown in
        let found = rate(gate.rule, .added(slowdown)) { $0.isFound }
        return Double(found.count) >= 0.95 * Double(found.trials)
      },
      pairSpread: Quantiles.median(
        (0..<pool.cells).map { cell in Self.spread(pool.equal.map { $0[cell] }) }),
      largestBias: centers.map(abs).max() ?? 0,
      designEffect: SignedRank.designEffect(
        (0..<pool.cells).map { cell in (pool.equal.map { $0[cell] }, pool.renewals) }),
      seed: gate.seed)
    if record.poolPairsPerCell < Self.leastPool * record.pairsPerCell {
      record.warnings.append(
        "the pool holds \(record.poolPairsPerCell) pairs a cell, a comparison "
          + "\(record.pairsPerCell): what the pool has by chance looks like a change in each; a "
          + "pool of \(Self.leastPool) times the pairs gives rates to rely on")
    }
    return record
  }

  /// Comparisons' worth of pairs below which drawn comparisons are too much alike.
  private static let leastPool = 8

  /// The smallest slowdown that is found, to a 50th of the threshold; `nil` where four times the
  /// threshold is not.
  private func smallest(_ isFound: (Double) -> Bool) -> Double? {
    let threshold = settings.gate.rule.threshold
    var low = threshold / 2  // The line itself: found no more often than the error allows.
    var high = 4 * threshold
    guard isFound(high) else { return nil }
    while high - low > threshold / 50 {
      let middle = (low + high) / 2
      if isFound(middle) { high = middle } else { low = middle }
    }
    return high
  }

  /// The interquartile range as a standard deviation.
  private static func spread(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return
      (Quantiles.interpolated(sorted: sorted, at: 0.75)
      - Quantiles.interpolated(sorted: sorted, at: 0.25)) / 1.349
  }
}
