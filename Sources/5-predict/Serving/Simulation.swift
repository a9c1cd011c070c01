import Input
import Requests

/// A server under load, step by step.
///
/// Time passes from step to step: the policy makes one of what waits and runs, `StepTimes` and the host's
/// constants say how long it takes, and then its tokens are there. Clients see them after the front end,
/// which handles requests and tokens one after another. The same requests give the same outcome, always.
public struct Simulation {
  /// How requests come.
  public enum Load: Sendable, Hashable {
    /// So many clients, each of which sends its next request when its last one has ended.
    case closedLoop(concurrency: Int)
    /// At the requests' own times, which do not fall.
    case open
  }

  private let times: any StepTimes
  private let host: HostConstants
  private let deployment: Deployment

  public init(_ times: any StepTimes, _ host: HostConstants, _ deployment: Deployment) {
    self.times = times
    self.host = host
    self.deployment = deployment
  }

  /// - Parameter warmUp: so many requests at the start are served and not counted.
  /// - Throws: `InputError` where a request cannot be served at all.
  public func run(
    _ requests: [ServingRequest], _ load: Load, warmUp: Int = 0
  ) throws -> ServingOutcome {
    guard let first = requests.first else {
      throw InputError("requests", problem: "there are none", expected: "at least one")
    }
    guard warmUp >= 0, warmUp < requests.count else {
      throw InputError(
        "warm_up", problem: "is \(warmUp) of \(requests.count) requests",
        expected: "fewer than there are")
    }
    var seen: ServingRequest?
    for (index, request) in requests.enumerated() where request != seen {
      seen = request
      try check(request, index)
    }
    var run = Run(times, host, deployment, requests)
    switch load {
    case .closedLoop(let concurrency):
      guard concurrency >= 1 else {
        throw InputError("concurrency", problem: "is \(concurrency)", expected: "at least 1")
      }
      run.isClosed = true
      for _ in 0..<min(concurrency, requests.count) { run.send(at: 0) }
    case .open:
      var before = first.arrival
      for (index, request) in requests.enumerated() {
        guard request.arrival.isFinite, request.arrival >= before else {
          throw InputError(
            "request \(index + 1)", problem: "arrives at \(request.arrival) s, after \(before) s",
            expected: "times that do not go back")
        }
        before = request.arrival
        run.send(at: request.arrival)
      }
    }
    return try run.finished(warmUp: warmUp)
  }

  private func check(_ request: ServingRequest, _ index: Int) throws {
    guard ServingRequest.lengths.contains(request.input),
      ServingRequest.lengths.contains(request.output)
    else {
      throw InputError(
        "request \(index + 1)", problem: "has \(request.input) tokens in, \(request.output) out",
        expected: "1 to \(ServingRequest.lengths.upperBound) of each")
    }
    guard deployment.holds(request) else {
      throw InputError(
        "request \(index + 1)",
        problem: "its \(request.input) + \(request.output) tokens do not fit the KV cache",
        expected: "at most \(deployment.cachePositions) positions, or more memory")
    }
  }
}

/// One run of a simulation.
private struct Run {
  let times: any StepTimes
  let host: HostConstants
  var engine: EngineState
  var policy: any SchedulingPolicy
  let requests: [ServingRequest]
  var isClosed = false

  private var outcome = ServingOutcome()
  private var now = 0.0
  /// When the front end is done with what it was given.
  private var frontEnd = 0.0
  /// Requests that were sent, and those that are past the front end: both by their number.
  private var sent: [Double] = []
  private var ready: [Double] = []
  private var waiting = 0
  private var firstToken: [Double]
  private var lastToken: [Double]
  private var begin: [Double]
  private var ended = 0
  private var prefixes: [String: Int] = [:]
  /// When running sequences made their last token, and when those that joined since then did.
  private var lastDecode = 0.0
  private var joined: [Double] = []

  init(
    _ times: any StepTimes, _ host: HostConstants, _ deployment: Deployment,
    _ requests: [ServingRequest]
  ) {
    self.times = times
    self.host = host
    self.requests = requests
    engine = EngineState(deployment)
    policy = deployment.policy.made(deployment)
    firstToken = Array(repeating: -1, count: requests.count)
    lastToken = firstToken
    begin = firstToken
    sent.reserveCapacity(requests.count)
    ready.reserveCapacity(requests.count)
  }

  mutating func send(at time: Double) {
    guard sent.count < requests.count else { return }
    sent.append(time)
  }

  /// The front end takes what was sent until now, in its order.
  private mutating func receive() {
    while ready.count < sent.count, sent[ready.count] <= now {
      let request = requests[ready.count]
      frontEnd = max(frontEnd, sent[ready.count]) + host.request
      let prefix = request.prefix.map { prefix in
        let next = prefixes.count
        return prefixes[prefix.name, default: next]
      }
      if let prefix, prefix == prefixes.count { prefixes[request.prefix!.name] = prefix }
      _ = engine.add(request, prefix: prefix)
      ready.append(frontEnd)
    }
    while waiting < ready.count, ready[waiting] <= now {
      engine.enqueue(waiting)
      waiting += 1
    }
  }

  mutating func finished(warmUp: Int) throws -> ServingOutcome {
    while ended < requests.count {
      receive()
      engine.beginStep()
      policy.plan(&engine)
      guard !engine.step.chunks.isEmpty || engine.step.decodes > 0 else {
        // Nothing to do until the next request is there.
        if waiting < ready.count {
          now = max(now, ready[waiting])
        } else if ready.count < sent.count {
          now = max(now, sent[ready.count])
        } else {
          throw InputError(
            "simulation", problem: "stands still at \(now) s with \(engine.waiting.count) waiting",
            expected: "a policy that lets requests in")
        }
        continue
      }
      step()
    }
    summarize(warmUp: warmUp)
    return outcome
  }

  private mutating func step() {
    let step = engine.step
    let device = times.seconds(step)
    let work = host.factor * device.compute
    let seconds = host.seconds(device, step)
    let start = now
    for request in engine.begun where begin[request] < 0 { begin[request] = start }
    now += seconds
    outcome.steps += 1
    outcome.busySeconds += seconds
    outcome.tokenSteps += step.decodes + step.chunks.reduce(0) { $0 + $1.new }
    let active = Double(engine.running)
    if step.chunks.isEmpty {
      outcome.causes.decode += work * active
    } else {
      outcome.causes.prefill += work * active
    }
    outcome.causes.collectives += device.collectives * active
    outcome.causes.host += (seconds - work - device.collectives) * active

    receive()
    let made = step.decodes + step.finishedPrompts
    frontEnd = max(frontEnd, now) + host.token * Double(made)
    let isSeen = frontEnd
    if step.decodes > 0 {
      let old = step.decodes - joined.count
      if old > 0 { outcome.gaps.append((isSeen - lastDecode, old)) }
      for first in joined { outcome.gaps.append((isSeen - first, 1)) }
      joined.removeAll(keepingCapacity: true)
      lastDecode = isSeen
    }
    for request in engine.finishing {
      if firstToken[request] < 0 { firstToken[request] = isSeen }
      joined.append(isSeen)
    }
    engine.finishStep()
    let count = engine.ended.count
    var single = 0
    for request in engine.ended {
      lastToken[request] = isSeen
      if engine.finishing.contains(request) { single += 1 }
    }
    if single > 0 { joined.removeLast(single) }
    ended += count
    if isClosed { for _ in 0..<count { send(at: isSeen) } }
  }

  private mutating func summarize(warmUp: Int) {
    for index in warmUp..<requests.count {
      outcome.requests.append(
        ServingOutcome.Served(
          input: requests[index].input, output: requests[index].output, sent: sent[index],
          firstToken: firstToken[index], lastToken: lastToken[index]))
    }
    for index in requests.indices {
      outcome.causes.queue += begin[index] - sent[index]
    }
    let start = warmUp < sent.count ? sent[warmUp] : 0
    outcome.seconds = (lastToken.max() ?? 0) - start
    outcome.preemptions = engine.preemptions
    outcome.mostSequences = engine.mostSequences
    outcome.cacheShare =
      engine.capacity > 0 ? Double(engine.mostUsed) / Double(engine.capacity) : 0
  }
}
