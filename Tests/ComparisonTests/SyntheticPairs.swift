import Comparison
import Foundation
import Numerics

/// A machine made of random numbers: its mood wanders, its neighbours interrupt, and time is counted
/// rather than spent.
final class SyntheticPairs: PairSource {
  let cellCount: Int
  private(set) var elapsedSeconds = 0.0
  private(set) var renewals = 0
  private var random: SeededGenerator
  private var mood = 0.0
  private let noise: Double
  /// Of each cell, the candidate's log time over the baseline's.
  private let shifts: [Double]

  init(shifts: [Double], noise: Double = 0.03, luckSpread: Double = 0, seed: UInt64) {
    self.shifts = shifts
    self.noise = noise
    cellCount = shifts.count
    self.luckSpread = luckSpread
    random = SeededGenerator(seed: seed, stream: 7)
    drawLuck()
  }

  func pair(cell: Int, stretch: Double) throws -> MeasuredPair {
    let candidateFirst = Bool.random(using: &random)
    let times = (0..<2).map { _ in time() }
    let (baseline, candidate) = candidateFirst ? (times[1], times[0]) : (times[0], times[1])
    return MeasuredPair(
      baseline: baseline, candidate: candidate * exp(shifts[cell] + luck[cell]) * (1 + stretch))
  }

  /// Of each cell, what the present processes cost the candidate by luck.
  private var luck: [Double] = []
  private let luckSpread: Double
  private var renewed = 0.0

  /// Every second.
  func renewIfDue() {
    guard elapsedSeconds >= renewed + 1 else { return }
    renewed = elapsedSeconds
    renewals += 1
    drawLuck()
  }

  private func drawLuck() { luck = shifts.map { _ in luckSpread * random.normal() } }

  /// An autoregression with a memory of a thousand runs, noise, and now and then a large delay.
  private func time() -> Double {
    mood = 0.999 * mood + 0.01 * random.normal()
    let delay = Double.random(in: 0..<1, using: &random) < 0.05 ? 0.5 : 0
    elapsedSeconds += 0.01
    return 0.01 * exp(mood + noise * random.normal() + delay)
  }
}
