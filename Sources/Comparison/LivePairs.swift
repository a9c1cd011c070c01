import Architectures
import Foundation
import Host
import Measurement
import Numerics
import Records

/// Pairs measured on two running executables.
///
/// The sides alternate within some ten milliseconds, faster than a shared machine changes its mood.
/// While one runs, the other's threads are parked. Short tests run several times a block, after an
/// untimed run that refills the caches which the other side has just used.
final class LivePairs: PairSource {
  /// Seconds that the timed runs of a block take, at least.
  private static let blockSeconds = 0.01
  /// Tests longer than this find cold caches a small matter.
  private static let leadInBelowSeconds = 0.05
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
  var cellCount: Int { children.baseline.hello.cells.count }
  var elapsedSeconds: Double { Double(SteadyClock.nanoseconds() - beginning) * 1e-9 }

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

  func restart() throws {
    guard startSeconds <= Self.restartShare * budgetSeconds else { return }
    children = try Self.started(executables, arguments)
  }

  func pair(cell: Int, stretch: Double) throws -> MeasuredPair {
    // Both sides get the same request.
    let typical = children.baseline.hello.cells[cell].typicalS
    let runs = max(1, min(100, Int((Self.blockSeconds / typical).rounded(.up))))
    var request = BenchRequest(
      cell: cell, leadIn: typical < Self.leadInBelowSeconds ? 1 : 0, runs: runs)
    var slowed = request
    slowed.stretch = stretch
    let candidateFirst = Bool.random(using: &coin)
    var second: BenchReply?
    if candidateFirst { second = try children.candidate.run(slowed) }
    request.stretch = 0
    let first = try children.baseline.run(request)
    let other = try second ?? children.candidate.run(slowed)
    return MeasuredPair(
      baseline: Moments.mean(first.seconds), candidate: Moments.mean(other.seconds),
      isSuspect: !first.suspicions.isEmpty || !other.suspicions.isEmpty)
  }
}
