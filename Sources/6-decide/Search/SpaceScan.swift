import CostModel
import Dispatch
import Foundation
import Model
import ScalingLaws
import Synchronization

/// One walk over a whole design space, on all cores.
///
/// The law is asked first: it costs far less than a prediction of throughput. Only what it leaves
/// is priced, and of that only the best and the fronts are kept.
struct SpaceScan: Sendable {
  /// What a walk leaves.
  struct Result: Sendable {
    /// Candidates that meet every constraint of the space.
    var enumerated = 0
    /// Of these, with a loss up to the target.
    var withinTarget = 0
    /// Predictions made.
    var priced = 0
    /// Candidates within the target that a device does not hold.
    var unfitting = 0
    var best: BestList<Shape>
    /// Loss against gain, memory and time to the first token.
    var front = ParetoFront<Shape>()
    var memoryFront = ParetoFront<Shape>()
    var ttftFront = ParetoFront<Shape>()
    var leastLoss: (loss: Double, shape: Shape)?
    var seconds = 0.0

    mutating func merge(_ other: Result) {
      enumerated += other.enumerated
      withinTarget += other.withinTarget
      priced += other.priced
      unfitting += other.unfitting
      best.merge(other.best)
      front.merge(other.front)
      memoryFront.merge(other.memoryFront)
      ttftFront.merge(other.ttftFront)
      if let loss = other.leastLoss, loss.loss < leastLoss?.loss ?? .infinity { leastLoss = loss }
    }
  }

  let problem: SearchProblem
  /// How many of the best are kept.
  let kept: Int

  /// - Parameter report: told how far the walk is, from any thread.
  /// - Throws: `InputError` where the baseline does not fit a device.
  func run(report: @escaping @Sendable (String) -> Void) throws -> Result {
    let start = ContinuousClock.now
    let columns = problem.space.columns
    let cores = max(1, min(ProcessInfo.processInfo.activeProcessorCount, columns.count))
    let target = problem.targetLoss
    let shared = Mutex(Shared(result: Result(best: BestList(capacity: kept))))
    // A pricer a core, made here so that what is wrong with the scenarios is thrown.
    nonisolated(unsafe) let pricers = try (0..<cores).map { _ in
      try ScenarioPricer(problem.scenarios, problem.combination, baseline: problem.baseline)
    }
    DispatchQueue.concurrentPerform(iterations: cores) { core in
      var worker = Worker(
        problem: problem, pricer: pricers[core], target: target,
        result: Result(best: BestList(capacity: kept)))
      while let index = shared.withLock({ $0.take(columns.count) }) {
        worker.walk(columns[index])
        if let text = shared.withLock({ $0.progress(columns.count) }) { report(text) }
      }
      let result = worker.result
      shared.withLock { $0.result.merge(result) }
    }
    var result = shared.withLock { $0.result }
    result.seconds = (ContinuousClock.now - start) / .seconds(1)
    return result
  }

  private struct Shared {
    var next = 0
    var reported = ContinuousClock.now
    var result: Result

    mutating func take(_ count: Int) -> Int? {
      guard next < count else { return nil }
      next += 1
      return next - 1
    }

    mutating func progress(_ count: Int) -> String? {
      guard ContinuousClock.now - reported > .milliseconds(250) else { return nil }
      reported = .now
      return "searching: \(100 * next / count)%"
    }
  }

  private struct Worker {
    let problem: SearchProblem
    let pricer: ScenarioPricer
    let target: Double
    var surface: LossSurface
    var result: Result

    init(problem: SearchProblem, pricer: ScenarioPricer, target: Double, result: Result) {
      self.problem = problem
      self.pricer = pricer
      self.target = target
      self.result = result
      surface = LossSurface(problem.predictor)
    }

    mutating func walk(_ column: DesignSpace.Column) {
      let space = problem.space
      let vocabulary = problem.baseline.vocabularySize
      space.forEachShape(in: column) { shape in
        result.enumerated += 1
        let loss = surface.loss(shape, vocabularySize: vocabulary)
        guard loss.isFinite else { return }
        if loss < result.leastLoss?.loss ?? .infinity { result.leastLoss = (loss, shape) }
        let isWithinTarget = loss <= target
        if isWithinTarget { result.withinTarget += 1 }
        guard loss <= target + problem.frontSlack else { return }
        result.priced += 1
        guard let price = pricer.price(shape) else {
          if isWithinTarget { result.unfitting += 1 }
          return
        }
        if isWithinTarget { result.best.insert(price.rank, shape) }
        // Fronts are of what keeps its promises.
        guard price.excess <= 0 else { return }
        result.front.insert(cost: loss, value: price.gain, shape)
        for front in problem.fronts {
          switch front {
          case .memory:
            if let bytes = pricer.peakMemory(shape) {
              result.memoryFront.insert(cost: loss, value: -bytes, shape)
            }
          case .ttft:
            result.ttftFront.insert(cost: loss, value: -price.timeToFirstToken, shape)
          }
        }
      }
    }
  }
}
