import Architectures
import Foundation
import Host
import Measurement
import Numerics
import Records

/// Pairs measured on two running executables.
///
/// The sides alternate as fast as their tests allow, faster than a shared machine changes its mood:
/// many small blocks tell more in the same time than few large ones, as a disturbance hits few of
/// them. While one side runs, the other's threads are parked.
final class LivePairs: PairSource {
  /// Seconds that a block takes at least: a handful of times what it costs to ask for one.
  private static let blockSeconds = 0.002
  /// Most of the budget that starting anew may take.
  private static let restartShare = 0.05

  private let executables: (baseline: String, candidate: String)
  private let arguments: [String]
  private let budgetSeconds: Double
  private var children: (baseline: BenchChild, candidate: BenchChild)
  private var coin: SeededGenerator
  private var startSeconds = 0.0
  private let beginning: Int

  var hellos: (baseline: BenchHello, candidate: BenchHello) {
    (children.baseline.hello, children.candidate.hello)
  }
  package var cellCount: Int { children.baseline.hello.cells.count }
  package var elapsedSeconds: Double { Double(SteadyClock.nanoseconds() - beginning) * 1e-9 }

  init(
    baseline: String, candidate: String, arguments: [String], budgetSeconds: Double, seed: UInt64
  ) throws {
    executables = (baseline, candidate)
    self.arguments = arguments
    self.budgetSeconds = budgetSeconds
    coin = SeededGenerator(seed: seed, stream: 1)
    let start = SteadyClock.nanoseconds()
    children = try Self.started(executables, arguments)
    beginning = SteadyClock.nanoseconds()
    startSeconds = Double(beginning - start) * 1e-9
  }

  private static func started(
    _ executables: (baseline: String, candidate: String), _ arguments: [String]
  ) throws -> (baseline: BenchChild, candidate: BenchChild) {
    (
      try BenchChild(executable: executables.baseline, arguments: arguments),
      try BenchChild(executable: executables.candidate, arguments: arguments)
    )
  }

  package func restart() throws {
    guard startSeconds <= Self.restartShare * budgetSeconds else { return }
    children = try Self.started(executables, arguments)
  }

  package func pair(cell: Int, stretch: Double) throws -> MeasuredPair {
    // Both sides run the same number of times, whatever each thinks is typical.
    let typical = children.baseline.hello.cells[cell].typicalS
    let runs = max(1, min(100, Int((Self.blockSeconds / typical).rounded(.up))))
    let plain = BenchRequest(cell: cell, runs: runs)
    let slowed = BenchRequest(cell: cell, runs: runs, stretch: stretch)
    let candidateFirst = Bool.random(using: &coin)
    let early = candidateFirst ? try children.candidate.run(slowed) : nil
    let first = try children.baseline.run(plain)
    let other = try early ?? children.candidate.run(slowed)
    return MeasuredPair(
      baseline: Moments.mean(first.seconds), candidate: Moments.mean(other.seconds),
      isSuspect: !first.suspicions.isEmpty || !other.suspicions.isEmpty)
  }
}
