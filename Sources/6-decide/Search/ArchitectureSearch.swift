import CostModel
import Foundation
import Input
import Model
import Numerics
import ScalingLaws

/// Finds the fastest architectures under a loss target.
public struct ArchitectureSearch {
  /// A point of a front.
  public struct FrontPoint: Sendable {
    public let architecture: Architecture
    public let loss: Double
    public let meetsTarget: Bool
    /// Natural logarithm of the gain over the baseline, all scenarios combined.
    public let logGain: Double
    /// Tokens made per second, by scenario.
    public let throughput: [Double]
    /// Bytes, of the scenario that needs most.
    public let peakMemoryBytes: Double
    /// Seconds, of the scenario that takes longest; 0 without prompts.
    public let timeToFirstToken: Double
  }

  /// A choice of heads around the winner.
  public struct GQAVariant: Sendable {
    public let candidate: SearchCandidate
    /// Nats per token that were measured at this GQA.
    public let measuredLoss: Double?
    /// Whether the search may choose it.
    public let isAllowed: Bool
  }

  public struct Result: Sendable {
    public let problem: SearchProblem
    public let targetLoss: Double
    public let baseline: SearchCandidate
    /// Best first: the tie set, nearest to the fitted ranges first, then by gain.
    public let candidates: [SearchCandidate]
    /// How many cannot be told from the fastest, of how many that were looked at.
    public let tied: Int
    public let examined: Int
    public let front: [FrontPoint]
    public let memoryFront: [FrontPoint]
    public let ttftFront: [FrontPoint]
    /// Heads around the winner, by ascending GQA.
    public let gqaVariants: [GQAVariant]
    public let evidence: [PredictionEvidence]
    /// Architectures of the space, those within the target, predictions made, those no device holds.
    public let enumerated: Int
    /// Combinations of experts that no model can have.
    public let mixturesLeftOut: Int
    public let withinTarget: Int
    public let priced: Int
    public let unfitting: Int
    public let seconds: Double
    /// The least loss of the space.
    public let leastLoss: Double
    /// The candidates that a closed loop may measure, best first.
    public let contenders: [SearchCandidate]
    /// How the candidates under loads were simulated; `nil` of static batches alone.
    public let simulation: LoadRanking.Summary?

    /// Whether a gain over the baseline means anything: it is of the budget's size, and meets what is
    /// asked of all.
    public var statesGains: Bool { problem.isBaselineOfSize && baseline.meetsLevels }
  }

  /// How many of the fastest are looked at for ties.
  private static let kept = 512
  /// Two-sided 90%.
  private static let tieDeviations = 1.645

  private let problem: SearchProblem

  public init(_ problem: SearchProblem) { self.problem = problem }

  /// - Parameter report: told what is being done, from any thread.
  /// - Throws: `InputError` where the space is empty, the target cannot be met, or a device does not
  ///   hold the baseline.
  public func run(report: @escaping @Sendable (String) -> Void) throws -> Result {
    let scan = try SpaceScan(problem: problem, kept: Self.kept).run(report: report)
    guard scan.enumerated > 0, let least = scan.leastLoss else {
      throw EmptySpace(problem.space).explanation()
    }
    let target = problem.targetLoss
    guard scan.withinTarget > 0 else { throw unreachable(target, least.loss, least.shape) }
    let ranked = scan.best.sorted.map(\.element)
    guard !ranked.isEmpty else {
      throw InputError(
        problem.scenarios.map(\.name).joined(separator: "; "),
        problem: "holds none of the \(scan.withinTarget) candidates",
        expected: "\(problem.hasLoads ? "a lower load" : "a smaller batch"), more devices "
          + "(tensor_parallel) or ones with more memory")
    }
    let evaluator = try CandidateEvaluator(problem)
    var leading = Self.fastestOfEach(ranked)
    let simulation = try problem.hasLoads ? LoadRanking(problem).run(leading, report: report) : nil
    if let simulation {
      guard !simulation.met.isEmpty else { throw missed(simulation) }
      evaluator.take(simulation.met)
      leading = simulation.met.map(\.shape)
    }
    var examined = try evaluator.candidates(leading)
    let tied = try markTies(&examined, evaluator)
    let ordered = Self.preferred(examined)
    let winner = ordered[0].shape
    return Result(
      problem: problem, targetLoss: target,
      baseline: try evaluator.candidate(problem.baseline),
      candidates: Array(ordered.prefix(problem.count)), tied: tied, examined: examined.count,
      front: evaluator.points(scan.front), memoryFront: evaluator.points(scan.memoryFront),
      ttftFront: evaluator.points(scan.ttftFront),
      gqaVariants: try gqaVariants(of: winner, evaluator),
      evidence: evaluator.evidence(for: ordered), enumerated: scan.enumerated,
      mixturesLeftOut: problem.space.mixturesLeftOut, withinTarget: scan.withinTarget,
      priced: scan.priced,
      unfitting: scan.unfitting, seconds: scan.seconds, leastLoss: least.loss,
      contenders: ordered, simulation: simulation?.summary)
  }

  /// Of candidates that differ in the intermediate size alone, the fastest: the others are the same
  /// choice, rounded another way.
  private static func fastestOfEach(_ ranked: [Shape]) -> [Shape] {
    var seen: Set<Shape> = []
    return ranked.filter { shape in
      var heads = shape
      heads.intermediateSize = 0
      return seen.insert(heads).inserted
    }
  }

  /// Marks what cannot be told from the fastest; returns how many.
  private func markTies(
    _ candidates: inout [SearchCandidate], _ evaluator: CandidateEvaluator
  ) throws -> Int {
    guard let best = candidates.max(by: { $0.logGain < $1.logGain }) else { return 0 }
    for index in candidates.indices {
      let deviation = try evaluator.ratioDeviation(candidates[index], over: best)
      let gap = best.logGain - candidates[index].logGain
      candidates[index].isTied = gap <= Self.tieDeviations * deviation
    }
    return candidates.count { $0.isTied }
  }

  /// The tie set first, and in it what leaves the fitted ranges in the fewest ways.
  private static func preferred(_ candidates: [SearchCandidate]) -> [SearchCandidate] {
    candidates.sorted {
      if $0.isTied != $1.isTied { return $0.isTied }
      let outside = $0.isTied ? ($0.extrapolated.count, $1.extrapolated.count) : (0, 0)
      return outside.0 != outside.1 ? outside.0 < outside.1 : $0.logGain > $1.logGain
    }
  }

  private func gqaVariants(
    of winner: Shape, _ evaluator: CandidateEvaluator
  ) throws -> [GQAVariant] {
    var losses: [GQALosses.Row] = []
    if case .measured(let measured) = problem.space.gqa { losses = measured.rows }
    return try GQALocalSearch.variants(of: winner, in: problem.space).compactMap { shape in
      guard let candidate = try evaluator.fitting(shape) else { return nil }
      return GQAVariant(
        candidate: candidate, measuredLoss: losses.first { $0.gqa == shape.gqa }?.loss,
        isAllowed: problem.space.gqa.allows(shape.gqa))
    }
  }

  private func unreachable(_ target: Double, _ least: Double, _ shape: Shape) -> InputError {
    func loss(_ value: Double) -> String { String(format: "%.4f", value) }
    var minimum = ""
    let law = problem.predictor.law
    if let optimum = try? LawOptimum(law) {
      var surface = LossSurface(problem.predictor)
      let value = surface.loss(
        normalizedHiddenSize: optimum.x, mlpToAttentionRatio: optimum.r, aspectRatio: .nan)
      minimum =
        "; \(law.name)'s minimum is \(loss(value)) at x = \(String(format: "%.4f", optimum.x)), "
        + "r = \(String(format: "%.3f", optimum.r))"
    }
    return InputError(
      "target_loss",
      problem: "\(loss(target)) (\(problem.targetName)) is below the least loss of the design "
        + "space, \(loss(least))\(minimum)",
      expected: "at least \(String(format: "%.4f", (least * 1e4).rounded(.up) / 1e4)), which "
        + "\(shape.name) meets")
  }

  /// That nothing meets the service level, and what comes nearest.
  private func missed(_ simulation: LoadRanking.Result) -> InputError {
    let candidates = "none of the \(simulation.summary.simulated) candidates that lead"
    guard let ranked = simulation.nearest,
      let (scenario, worst) = zip(problem.scenarios, ranked.outcomes).compactMap({
        scenario, outcome in
        outcome.map { (scenario, $0) }
      }).max(by: { $0.1.excess < $1.1.excess })
    else {
      return InputError(
        "slo", problem: "\(candidates) can be served", expected: "a lower load, or more devices")
    }
    func milliseconds(_ seconds: Double) -> String { String(format: "%.3g ms", seconds * 1e3) }
    let nearest =
      "; the nearest, \(ranked.shape.name), takes \(milliseconds(worst.timeToFirstToken.p90)) to its "
      + "first token and \(milliseconds(worst.timePerOutputToken.p90)) a token (p90)"
    guard let level = scenario.load?.level else {
      return InputError(
        "rate", problem: "\(candidates) holds it\(nearest)",
        expected: String(format: "at most 1/%.3g of it, or more devices", exp(worst.excess)))
    }
    return InputError(
      "slo", problem: "\(candidates) meets \(level)\(nearest)",
      expected: "\(level.loosened(by: exp(worst.excess))), a lower load, or more devices")
  }
}
