import CostModel
import Requests

/// A server in its steady state, in closed form: what stands for the simulation where thousands of
/// architectures are compared.
///
/// While `n` sequences run, a turn of as many decode steps as a request has tokens reads `n` prompts: its
/// time is the sum of those steps', and `n` requests end in it. What waits follows from Little's law.
/// Requests are taken to be all alike and evenly spread over the turn; nothing is dropped, and bursts of
/// arrivals are not seen.
public struct SteadyLoad {
  /// Means over requests, in seconds.
  public struct State: Sendable, Equatable {
    /// Sequences that run at once.
    public var sequences: Int
    public var requestsPerSecond: Double
    public var timeToFirstToken: Double
    public var timePerOutputToken: Double
    public var latency: Double
  }

  private let times: any StepTimes
  private let host: HostConstants
  private let deployment: Deployment
  private let input: Int
  private let output: Int
  /// Most sequences that places and cache hold at once.
  public let mostSequences: Int

  public init(
    _ times: any StepTimes, _ host: HostConstants, _ deployment: Deployment,
    _ lengths: LengthDistribution
  ) {
    self.times = times
    self.host = host
    self.deployment = deployment
    (input, output) = (Int(lengths.means.input.rounded()), Int(lengths.means.output.rounded()))
    // Where nothing is set aside, sequences hold half of their answers on average.
    let held = input + (deployment.policy.reserves ? output : output / 2)
    let ofCache = deployment.capacity / max(1, deployment.growth.units(held))
    mostSequences = max(1, min(deployment.mostSequences, ofCache))
  }

  /// With so many clients, each of which sends its next request when its last one has ended.
  public func closedLoop(_ concurrency: Int) -> State {
    let sequences = min(concurrency, mostSequences)
    let turn = turn(sequences)
    let clients = Double(concurrency)
    // The front end passes requests and tokens one after another. Where it and the device are as fast, each
    // waits for the other now and then: a smooth least of both.
    let rate =
      1
      / smoothMaximum(
        turn.seconds / Double(sequences), host.request + Double(output) * host.token,
        exponent: Self.sharpness)
    let latency = clients / rate
    let waiting = (clients - Double(sequences)) / rate
    // A prompt that comes while others run waits for the rest of a step, on average half of one.
    let rest = sequences > 1 ? turn.step / 2 : 0
    let frontEnd = host.request + host.token * Double(sequences)
    let first = min(latency, waiting + frontEnd + rest + turn.prompt)
    return State(
      sequences: sequences, requestsPerSecond: rate, timeToFirstToken: first,
      timePerOutputToken: output > 1 ? (latency - first) / Double(output - 1) : 0,
      latency: latency)
  }

  /// With requests at `rate` a second; `nil` where the server cannot hold it.
  public func rate(_ rate: Double) -> State? {
    let most = closedLoop(mostSequences)
    guard rate < most.requestsPerSecond else { return nil }
    var (low, high) = (0, mostSequences)
    while high - low > 1 {
      let middle = (low + high) / 2
      if closedLoop(middle).requestsPerSecond < rate { low = middle } else { high = middle }
    }
    var state = closedLoop(high)
    state.requestsPerSecond = min(rate, state.requestsPerSecond)
    return state
  }

  /// The busiest state that meets a service level; a lone request's where none does.
  public func highestRate(under level: ServiceLevel) -> State {
    var best = closedLoop(1)
    guard level.excess(best) <= 1 else { return best }
    var (low, high) = (1, mostSequences + 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      let state = closedLoop(middle)
      if level.excess(state) <= 1 { (low, best) = (middle, state) } else { high = middle }
    }
    return best
  }

  private static let sharpness = 8.0

  // MARK: A turn

  private struct Turn {
    /// Of as many steps as a request has tokens, and the prompts' in between.
    var seconds: Double
    /// Of one step on average, and of those that read a prompt.
    var step: Double
    var prompt: Double
  }

  private func turn(_ sequences: Int) -> Turn {
    let mixes = deployment.policy.mixesPrompts
    let room = max(1, deployment.stepTokens - (mixes ? sequences : 0))
    let pieces = deployment.policy.cutsPrompts ? (input + room - 1) / room : 1
    let new = (input + pieces - 1) / pieces
    // Prompts come one by one while there are fewer than steps, else several to a step.
    let parts = sequences * pieces
    let together = max(1, min(room / new, (parts + output - 1) / output))
    let promptSteps = Double(parts) / Double(together)
    let chunk = PromptChunk(cached: (input - new) / 2, new: new)
    let context = sequences * (input + output / 2)
    let decode = seconds(
      StepContents(chunks: [], finishedPrompts: 0, decodes: sequences, context: context))
    // Over a turn's steps together, `sequences · output` tokens are decoded.
    let steps = mixes ? max(Double(output), promptSteps) : Double(output)
    let share = Double(output) / steps
    let beside = mixes ? max(0, Int(share * Double(sequences)) - together) : 0
    let prompt = seconds(
      StepContents(
        chunks: Array(repeating: chunk, count: together),
        finishedPrompts: max(1, together / pieces), decodes: beside,
        context: beside * (input + output / 2)))
    let plain = mixes ? max(0, steps - promptSteps) : steps
    let total = plain * decode + promptSteps * prompt
    return Turn(
      seconds: total, step: total / (mixes ? steps : steps + promptSteps),
      prompt: Double(pieces) * prompt)
  }

  private func seconds(_ step: StepContents) -> Double {
    let device = times.seconds(step)
    return host.seconds(device, step)
  }
}

extension PolicyKind {
  /// Whether a step may hold prompts and decodes.
  fileprivate var mixesPrompts: Bool {
    switch self {
    case .vllm, .tensorRT, .dyno: true
    case .vllm2024, .sglang, .staticBatches: false
    }
  }

  /// Whether a prompt may be read in several steps.
  fileprivate var cutsPrompts: Bool {
    switch self {
    case .vllm, .sglang, .staticBatches, .dyno: true
    case .vllm2024, .tensorRT: false
    }
  }
}

extension ServiceLevel {
  /// How far a steady state's means are from it: at most 1 where they meet it.
  public func excess(_ state: SteadyLoad.State) -> Double {
    max(
      timeToFirstToken.map { state.timeToFirstToken / $0 } ?? 0,
      timePerOutputToken.map { state.timePerOutputToken / $0 } ?? 0,
      latency.map { state.latency / $0 } ?? 0)
  }
}
