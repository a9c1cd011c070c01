import Foundation
import Input
import Numerics

/// Simulates the candidates that lead by the closed form, until no other can be expected to be ahead.
///
/// Every batch of simulations tells how far the closed form is off: a candidate is left out once its
/// estimate, raised by the largest error seen, is behind the best that was simulated, or misses the service
/// level by more than any estimate was too strict.
public struct LoadRanking {
  /// How it went.
  public struct Summary: Sendable {
    /// Candidates that were simulated, of how many that led.
    public let simulated: Int
    public let leading: Int
    /// Of these, how many meet the service level.
    public let met: Int
    /// Spearman's correlation of estimates and simulations.
    public let rankCorrelation: Double?
    /// Standard deviation of simulated over estimated objective, as natural logarithms.
    public let deviation: Double
    /// Whether every other candidate is behind, its error allowed for.
    public let isSettled: Bool
  }

  struct Ranked {
    let shape: Shape
    /// By scenario; `nil` of those without a load.
    let outcomes: [LoadOutcome?]
    let gain: Double
    let excess: Double
  }

  struct Result {
    /// Those that meet the service level, best first.
    var met: [Ranked] = []
    /// The one that is nearest to meeting it.
    var nearest: Ranked?
    var summary: Summary
  }

  private static let batch = 32
  /// Most simulations of a search. One of the highest rate is a dozen of closed loops.
  private static let mostLoops = 256
  private static let mostRates = 64

  private let problem: SearchProblem
  private let most: Int
  private let pricers: [ScenarioPricer]

  init(_ problem: SearchProblem) throws {
    self.problem = problem
    let hasRates = problem.scenarios.contains { $0.load?.demand == .highestRate }
    most = hasRates ? Self.mostRates : Self.mostLoops
    pricers = try (0..<ProcessInfo.processInfo.activeProcessorCount).map { _ in
      try ScenarioPricer(problem.scenarios, problem.combination, baseline: problem.baseline)
    }
  }

  /// - Parameter leading: best first by the closed form.
  func run(_ leading: [Shape], report: @Sendable (String) -> Void) throws -> Result {
    let baseline = try pricers[0].simulate(Shape(problem.baseline))
    let estimates = leading.map { pricers[0].price($0) }
    var found: [Int: Ranked] = [:]
    var next = Array(leading.indices.prefix(Self.batch))
    while !next.isEmpty, found.count < most {
      report("simulating: \(found.count) of at most \(min(most, leading.count))")
      for (index, ranked) in zip(next, try simulated(next.map { leading[$0] }, over: baseline)) {
        found[index] = ranked
      }
      next = Array(
        Self.contenders(estimates, found).prefix(min(Self.batch, most - found.count)))
    }
    let all = found.sorted { $0.key < $1.key }
    let pairs = all.compactMap { index, ranked in estimates[index].map { ($0.gain, ranked.gain) } }
    let errors = pairs.map { $0.1 - $0.0 }
    let met = all.map(\.value).filter { $0.excess <= 0 }.sorted { $0.gain > $1.gain }
    return Result(
      met: met, nearest: all.map(\.value).min { $0.excess < $1.excess },
      summary: Summary(
        simulated: found.count, leading: leading.count, met: met.count,
        rankCorrelation: pairs.count < 3
          ? nil : RankCorrelation.spearman(pairs.map(\.0), pairs.map(\.1)),
        deviation: errors.count < 2 ? 0 : Moments.standardDeviation(errors),
        isSettled: Self.contenders(estimates, found).isEmpty))
  }

  /// Those not simulated that may yet be ahead of all that were.
  private static func contenders(
    _ estimates: [ScenarioPricer.Price?], _ found: [Int: Ranked]
  ) -> [Int] {
    var raised = 0.0
    var eased = 0.0
    for (index, ranked) in found {
      guard let estimate = estimates[index] else { continue }
      raised = max(raised, ranked.gain - estimate.gain)
      if estimate.excess.isFinite { eased = min(eased, ranked.excess - estimate.excess) }
    }
    let best = found.values.filter { $0.excess <= 0 }.map(\.gain).max()
    return estimates.indices.filter { index in
      guard found[index] == nil, let estimate = estimates[index] else { return false }
      guard let best else { return true }
      return estimate.gain + raised >= best && estimate.excess + eased <= 0
    }
  }

  /// Simulates shapes on all cores, the next one on whichever is free.
  private func simulated(_ shapes: [Shape], over baseline: [LoadOutcome?]) throws -> [Ranked] {
    nonisolated(unsafe) let pricers = pricers
    let cores = min(pricers.count, shapes.count)
    let parts = Parallel.map(cores) { core in
      Swift.Result {
        try stride(from: core, to: shapes.count, by: cores).map { index in
          let outcomes = try pricers[core].simulate(shapes[index])
          return (
            index,
            Ranked(
              shape: shapes[index], outcomes: outcomes,
              gain: pricers[core].gain(shapes[index], outcomes, over: baseline),
              excess: outcomes.compactMap { $0?.excess }.max() ?? -.infinity)
          )
        }
      }
    }
    return try parts.flatMap { try $0.get() }.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
