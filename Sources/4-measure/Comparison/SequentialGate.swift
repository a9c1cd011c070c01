import Numerics
import Records

/// Judges growing samples of pairs at a fixed number of looks, and stops with each cell as soon as
/// its verdict is in.
///
/// Each look may spend its share of the error (`AlphaSpending`), so verdicts hold although one looks
/// several times, and although a cell's verdict decides where the time left goes. A verdict stands
/// once given: p-values only fall from look to look.
package struct SequentialGate {
  private let rule: VerdictRule
  private let spending: AlphaSpending
  package private(set) var looksTaken = 0
  package private(set) var cells: [Cell]

  package struct Cell {
    package fileprivate(set) var logRatios: [Double] = []
    /// Of each ratio, how often both sides had been started anew.
    fileprivate var renewals: [Int] = []
    /// By look.
    fileprivate var pValues: [MarginPValues] = []
    package fileprivate(set) var verdict = ComparisonRecord.Verdict.inconclusive
    package fileprivate(set) var alarm = 1.0
    /// The share of the error that its interval may spend.
    fileprivate var share = 0.0
    fileprivate var designEffect = 1.0

    fileprivate var evidence: PairedEvidence {
      PairedEvidence(logRatios: logRatios, designEffect: designEffect)
    }
  }

  init(cells: Int, rule: VerdictRule, looks: Int) {
    self.rule = rule
    spending = AlphaSpending(looks: looks)
    self.cells = Array(repeating: Cell(), count: cells)
  }

  /// Cells without a verdict yet.
  var open: [Int] { cells.indices.filter { cells[$0].verdict == .inconclusive } }
  var isOver: Bool { open.isEmpty || looksTaken == spending.shares.count }

  mutating func add(_ logRatio: Double, to cell: Int, renewals: Int) {
    cells[cell].logRatios.append(logRatio)
    cells[cell].renewals.append(renewals)
  }

  mutating func look() {
    precondition(looksTaken < spending.shares.count)
    // Where a process's memory happens to lie no coin decides: of all cells together, as few processes
    // tell little of one.
    let designEffect = SignedRank.designEffect(cells.map { ($0.logRatios, $0.renewals) })
    for index in open {
      cells[index].designEffect = designEffect
      cells[index].pValues.append(rule.pValues(cells[index].evidence))
      cells[index].share = spending.shares[looksTaken]
    }
    looksTaken += 1
    let verdicts = rule.verdicts(cells.map { sequential($0.pValues) })
    for index in cells.indices {
      // Holm's adjustment of one cell also falls as others are decided.
      if cells[index].verdict == .inconclusive { cells[index].verdict = verdicts[index].verdict }
      cells[index].alarm = min(cells[index].alarm, verdicts[index].alarm)
    }
  }

  /// The slowdown of a cell, and an interval that holds for all cells together at the look where it
  /// was decided.
  package func shift(of cell: Int) -> (estimate: Double, interval: ClosedRange<Double>) {
    let evidence = cells[cell].evidence
    let alpha = rule.familyError * cells[cell].share / Double(cells.count)
    return (evidence.estimate, evidence.interval(alpha: alpha))
  }

  private func sequential(_ looks: [MarginPValues]) -> MarginPValues {
    MarginPValues(
      slower: spending.pValue(looks.map(\.slower)), faster: spending.pValue(looks.map(\.faster)),
      notSlower: spending.pValue(looks.map(\.notSlower)),
      notFaster: spending.pValue(looks.map(\.notFaster)))
  }
}
