import Comparison
import Foundation
import Numerics

/// A machine made of random numbers: its mood wanders, its neighbours interrupt, and time is counted
/// rather than spent.
final class SyntheticPairs: PairSource {
  let cellCount: Int
  private(set) var elapsedSeconds = 0.0
  private(set) var restarts = 0
  private var random: SeededGenerator
  private var mood = 0.0
  private let noise: Double
  /// Of each cell, the candidate's log time over the baseline's.
  private let shifts: [Double]

  init(shifts: [Double], noise: Double = 0.03, seed: UInt64) {
    self.shifts = shifts
    self.noise = noise
    cellCount = shifts.count
    random = SeededGenerator(seed: seed, stream: 7)
  }

  func pair(cell: Int, stretch: Double) throws -> MeasuredPair {
    let candidateFirst = Bool.random(using: &random)
    let times = (0..<2).map { _ in time() }
    let (baseline, candidate) = candidateFirst ? (times[1], times[0]) : (times[0], times[1])
    return MeasuredPair(
      baseline: baseline, candidate: candidate * exp(shifts[cell]) * (1 + stretch))
  }

  func restart() { restarts += 1 }

  /// An autoregression with a memory of a thousand runs, noise, and now and then a large delay.
  private func time() -> Double {
    mood = 0.999 * mood + 0.01 * random.normal()
    let delay = Double.random(in: 0..<1, using: &random) < 0.05 ? 0.5 : 0
    elapsedSeconds += 0.01
    return 0.01 * exp(mood + noise * random.normal() + delay)
  }
}
