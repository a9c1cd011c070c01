import Foundation
import Numerics

/// Many blocks of pairs, one of each cell, from which comparisons are drawn again and again to learn
/// how often the gate errs.
public struct PairPool: Sendable {
  /// Log ratios of candidate's time over baseline's, by block and cell: of equal sides, and of a
  /// candidate whose sections were stretched by `slowdown`.
  public private(set) var equal: [[Double]] = []
  public private(set) var stretched: [[Double]] = []
  /// By block: how often both sides had been started anew.
  public private(set) var renewals: [Int] = []
  public let cells: Int
  public let slowdown: Double
  public var blocks: Int { equal.count }

  public init(cells: Int, slowdown: Double) {
    self.cells = cells
    self.slowdown = slowdown
  }

  /// Adds a block: one log ratio a cell.
  public mutating func add(equal: [Double], stretched: [Double], renewals: Int) {
    precondition(equal.count == cells && stretched.count == cells)
    self.equal.append(equal)
    self.stretched.append(stretched)
    self.renewals.append(renewals)
  }

  /// A slowdown that a drawn comparison contains.
  package enum Injection {
    /// The equal sides' ratios, longer by this share: any size can be studied.
    case added(Double)
    /// The ratios of really stretched sections.
    case measured
  }

  package struct Outcome {
    /// Alarms in cells that were not slowed.
    package var falseAlarms: Int
    /// Whether the slowed cell was called a regression.
    var isFound: Bool
    var isInconclusive: Bool
  }

  /// Draws one comparison and judges it as the gate would.
  ///
  /// Of each look's blocks, one run of consecutive blocks is drawn, all cells together: what a block
  /// shares with its neighbours in time, and a cell with other cells, stays as it was. Runs do not
  /// overlap: a block that counted twice would be evidence twice, and raise alarms that no fresh
  /// comparison raises.
  ///
  /// - Parameter injection: into one cell, drawn as well.
  package func compare(
    _ rule: VerdictRule, looks: Int, blocksPerLook: Int, injection: Injection?,
    _ generator: inout SeededGenerator
  ) -> Outcome {
    var gate = SequentialGate(cells: cells, rule: rule, looks: looks)
    let slowed = Int.random(in: 0..<cells, using: &generator)
    var starts = starts(looks, of: blocksPerLook, &generator)
    while !gate.isOver {
      let start = starts.removeLast()
      for offset in 0..<blocksPerLook {
        let block = (start + offset) % blocks
        for cell in gate.open {
          var ratio = equal[block][cell]
          if cell == slowed {
            switch injection {
            case .added(let slowdown): ratio += log1p(slowdown)
            case .measured: ratio = stretched[block][cell]
            case nil: break
            }
          }
          gate.add(ratio, to: cell, renewals: renewals[block])
        }
      }
      gate.look()
    }
    var outcome = Outcome(
      falseAlarms: 0, isFound: false, isInconclusive: !gate.open.isEmpty)
    for (index, cell) in gate.cells.enumerated() {
      if injection != nil, index == slowed {
        outcome.isFound = cell.verdict == .regression
      } else if cell.verdict == .regression || cell.verdict == .improvement {
        outcome.falseAlarms += 1
      }
    }
    return outcome
  }

  /// Where runs of so many blocks begin: round the end, so that every block is drawn as often as any
  /// other, and without overlap where the pool is large enough.
  package func starts(
    _ runs: Int, of length: Int, _ generator: inout SeededGenerator
  ) -> [Int] {
    let free = blocks - runs * length
    guard free >= 0 else {
      return (0..<runs).map { _ in Int.random(in: 0..<blocks, using: &generator) }
    }
    // What is free lies between the runs.
    let gaps = (0..<runs).map { _ in Int.random(in: 0...free, using: &generator) }.sorted()
    let turn = Int.random(in: 0..<blocks, using: &generator)
    return gaps.enumerated().map { ($1 + $0 * length + turn) % blocks }
      .shuffled(using: &generator)
  }
}
