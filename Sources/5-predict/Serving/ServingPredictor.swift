import CostModel
import Foundation
import Input
import Model
import Requests

/// Predicts how an architecture serves loads on a device under an engine.
public final class ServingPredictor {
  public let architecture: Architecture
  public let setup: ServingSetup
  public let deployment: Deployment
  public let plan: MemoryPlan
  private let times: ModelStepTimes
  private let simulation: Simulation
  private static let mostStepTokens = 1 << 20

  /// - Parameters:
  ///   - longest: prompt and answer of the loads: the memory is planned for them.
  ///   - concurrency: of a closed loop.
  /// - Throws: `InputError` where the model does not fit, or the devices cannot share it.
  public init(
    _ predictor: Predictor, _ architecture: Architecture, _ setup: ServingSetup,
    longest: (input: Int, output: Int), concurrency: Int? = nil
  ) throws {
    self.architecture = architecture
    self.setup = setup
    let stepTokens = setup.stepTokens ?? 8192
    guard (1...Self.mostStepTokens).contains(stepTokens) else {
      throw InputError(
        "max_step_tokens", problem: "is \(stepTokens)", expected: "1 to \(Self.mostStepTokens)")
    }
    let together = max(1, stepTokens / longest.input)
    let parts = try StepParts(
      predictor, architecture,
      for: ServingWorkload(prompt: longest.input, generate: longest.output, batch: together))
    plan = parts.plan
    guard plan.cacheRoom > 0 else {
      throw InputError(
        architecture.name, problem: "its weights leave \(predictor.profile.name) no KV cache",
        expected: predictor.whatFits(
          architecture,
          ServingWorkload(prompt: longest.input, generate: longest.output, batch: 1)))
    }
    deployment = setup.deployment(
      longest: longest.input, maxPositions: architecture.maxPositions, concurrency: concurrency,
      plan: plan)
    times = ModelStepTimes(parts)
    simulation = Simulation(times, setup.host, deployment)
  }

  /// - Parameter host: constants to take instead of the setup's.
  public func run(
    _ requests: [ServingRequest], _ load: Simulation.Load, warmUp: Int = 0,
    host: HostConstants? = nil
  ) throws -> ServingOutcome {
    let simulation = host.map { Simulation(times, $0, deployment) } ?? simulation
    return try simulation.run(requests, load, warmUp: warmUp)
  }

  /// The same server in closed form.
  public func steady(_ lengths: LengthDistribution) -> SteadyLoad {
    SteadyLoad(times, setup.host, deployment, lengths)
  }

  /// Bytes of one device that are in use where the cache is fullest.
  public func peakBytes(_ outcome: ServingOutcome) -> Double {
    plan.weights + plan.activations + plan.reserved + plan.cacheRoom * outcome.cacheShare
  }

  // MARK: Rates

  /// Requests a second that the server ends while there is always one more waiting: what no rate may
  /// exceed for long.
  public func saturatedRate(_ requests: [ServingRequest]) throws -> Double {
    let clients = min(deployment.mostSequences, 512)
    let some = Array(requests.prefix(max(200, 4 * clients)))
    let outcome = try run(some, .closedLoop(concurrency: clients))
    // Without the end, at which places stay empty.
    let ends = outcome.requests.map(\.lastToken).sorted()
    let place = ends.count * 8 / 10
    guard place > 0, ends[place] > 0 else { return outcome.requestsPerSecond }
    return max(outcome.requestsPerSecond, Double(place + 1) / ends[place])
  }

  /// Refuses a rate that the server cannot hold.
  ///
  /// - Throws: `InputError` with the highest rate that it can.
  public func check(_ rate: Double, _ requests: [ServingRequest]) throws {
    let most = try saturatedRate(requests)
    guard rate < most else {
      throw InputError(
        "rate",
        problem: String(format: "is %.3g/s, more than %@ holds", rate, architecture.name),
        expected: String(format: "at most %.3g/s, at which the queue no longer empties", most))
    }
  }

  /// The highest rate of Poisson arrivals at which a service level is met.
  public struct RateUnderLevel: Sendable {
    /// `nil` where none meets it.
    public var rate: Double?
    /// The outcome at that rate, or the nearest one there is: at the lowest rate.
    public var outcome: ServingOutcome
  }

  public func highestRate(
    under level: ServiceLevel, _ requests: [ServingRequest], seed: UInt64
  ) throws -> RateUnderLevel {
    let some = Array(requests.prefix(400))
    func outcome(_ rate: Double) throws -> ServingOutcome {
      try run(try ArrivalProcess(rate: rate).timed(some, seed: seed), .open)
    }
    var high = try saturatedRate(requests)
    var low = high / 1000
    var best = try outcome(low)
    guard best.attainment(level) >= ServiceLevel.attainment else {
      return RateUnderLevel(rate: nil, outcome: best)
    }
    for _ in 0..<10 {
      let middle = low * (high / low).squareRoot()
      let found = try outcome(middle)
      if found.attainment(level) >= ServiceLevel.attainment {
        (low, best) = (middle, found)
      } else {
        high = middle
      }
    }
    return RateUnderLevel(rate: low, outcome: best)
  }
}
