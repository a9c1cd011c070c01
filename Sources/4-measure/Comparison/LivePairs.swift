import Foundation
import Harness
import Machine
import Numerics

/// Pairs measured on two running executables.
///
/// The sides take turns as fast as their tests allow, faster than a shared machine changes its mood,
/// and each turn of a side that a disturbance hit loses to another: a pair is the fastest turn of
/// either. While one side runs, the other's threads are parked.
final class LivePairs: PairSource {
  /// Seconds that a turn takes at least: a handful of times what it costs to ask for one.
  private static let turnSeconds = 0.002
  /// Turns of each side in a pair, as long as one side's take no more than this many seconds.
  private static let turns = (most: 4, seconds: 0.1)
  /// Share of a comparison's time that starting anew may take.
  static let renewalShare = 0.15

  private let executables: (baseline: String, candidate: String)
  private let arguments: [String]
  private let patience: BenchChild.Patience
  private let renewalShare: Double
  private var children: (baseline: BenchChild, candidate: BenchChild)
  private var coin: SeededGenerator
  private var startSeconds = 0.0
  private var renewed: Int
  package private(set) var renewals = 0
  private let beginning: Int

  var hellos: (baseline: BenchHello, candidate: BenchHello) {
    (children.baseline.hello, children.candidate.hello)
  }
  package var cellCount: Int { children.baseline.hello.cells.count }
  package var elapsedSeconds: Double { Double(SteadyClock.nanoseconds() - beginning) * 1e-9 }

  init(
    baseline: String, candidate: String, arguments: [String], seed: UInt64,
    patience: BenchChild.Patience, renewalShare: Double = LivePairs.renewalShare
  ) throws {
    executables = (baseline, candidate)
    self.arguments = arguments
    self.patience = patience
    self.renewalShare = renewalShare
    coin = SeededGenerator(seed: seed, stream: 1)
    let start = SteadyClock.nanoseconds()
    children = try Self.started(executables, arguments, patience, &coin)
    beginning = SteadyClock.nanoseconds()
    renewed = beginning
    startSeconds = Double(beginning - start) * 1e-9
  }

  /// In an order drawn by coin: which memory a process gets depends on who asked before.
  private static func started(
    _ executables: (baseline: String, candidate: String), _ arguments: [String],
    _ patience: BenchChild.Patience, _ coin: inout SeededGenerator
  ) throws -> (baseline: BenchChild, candidate: BenchChild) {
    func child(_ executable: String) throws -> BenchChild {
      try BenchChild(executable: executable, arguments: arguments, patience: patience)
    }
    let early = Bool.random(using: &coin) ? try child(executables.candidate) : nil
    let baseline = try child(executables.baseline)
    let candidate = try early ?? child(executables.candidate)
    return (baseline, candidate)
  }

  package func renewIfDue() throws {
    let age = Double(SteadyClock.nanoseconds() - renewed) * 1e-9
    guard startSeconds <= renewalShare * age else { return }
    children = try Self.started(executables, arguments, patience, &coin)
    renewed = SteadyClock.nanoseconds()
    renewals += 1
  }

  package func pair(cell: Int, stretch: Double) throws -> MeasuredPair {
    // Both sides run the same number of times, whatever each thinks is typical.
    let typical = children.baseline.hello.cells[cell].typicalS
    let runs = Int(min(100, max(1, (Self.turnSeconds / typical).rounded(.up))))
    let turns = Int(
      min(Double(Self.turns.most), max(1, Self.turns.seconds / (typical * Double(runs)))))
    let plain = BenchRequest(cell: cell, runs: runs)
    let slowed = BenchRequest(cell: cell, runs: runs, stretch: stretch)
    let candidateFirst = Bool.random(using: &coin)
    var baseline: [BenchReply] = []
    var candidate: [BenchReply] = []
    for _ in 0..<turns {
      if candidateFirst { candidate.append(try children.candidate.run(slowed)) }
      baseline.append(try children.baseline.run(plain))
      if !candidateFirst { candidate.append(try children.candidate.run(slowed)) }
    }
    let fastest = (baseline: Self.fastest(baseline), candidate: Self.fastest(candidate))
    return MeasuredPair(
      baseline: fastest.baseline.seconds, candidate: fastest.candidate.seconds,
      isSuspect: fastest.baseline.isSuspect || fastest.candidate.isSuspect)
  }

  private static func fastest(_ turns: [BenchReply]) -> (seconds: Double, isSuspect: Bool) {
    let seconds = turns.map { Moments.mean($0.seconds) }
    let index = seconds.indices.min { seconds[$0] < seconds[$1] }!
    return (seconds[index], !turns[index].suspicions.isEmpty)
  }
}
