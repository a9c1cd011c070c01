import Requests

/// What a closed loop needs of the world: time, and steps that are run. Tests have one whose time is
/// counted rather than spent.
package protocol ServingStage: AnyObject {
  /// Of a steady clock.
  func nanoseconds() -> Int
  /// Runs a step and makes its tokens.
  ///
  /// - Returns: nanoseconds of the forward pass alone.
  func run(_ step: ScheduledStep) throws -> Int
}

/// Serves a closed loop: every client's next request is there when its last has ended.
package struct ServingLoop {
  private let load: ServingLoad
  /// Most tokens of a prompt in one step.
  private let chunk: Int

  package init(_ load: ServingLoad, chunk: Int) {
    self.load = load
    self.chunk = chunk
  }

  /// - Returns: what the clients saw. Choosing tokens and keeping books counts as the host's time.
  package func run(on stage: some ServingStage) throws -> ServingOutcome {
    let requests = load.requests
    var batch = ContinuousBatch(requests, slots: load.clients, chunk: chunk)
    var outcome = ServingOutcome()
    var served = requests.map {
      ServingOutcome.Served(
        input: $0.input, output: $0.output, sent: 0, firstToken: 0, lastToken: 0)
    }
    let origin = stage.nanoseconds()
    var now = 0.0
    var sent = 0
    func send() {
      guard sent < requests.count else { return }
      batch.send()
      served[sent].sent = now
      sent += 1
    }
    for _ in 0..<load.clients { send() }
    while let step = batch.next() {
      let start = now
      if let begun = step.begun { outcome.causes.queue += start - served[begun].sent }
      let forward = Double(try stage.run(step)) * 1e-9
      now = Double(stage.nanoseconds() - origin) * 1e-9
      outcome.add(step, forward: forward, seconds: now - start)
      for part in step.decodes {
        outcome.gaps.append((now - served[part.request].lastToken, 1))
      }
      for part in step.answered { served[part.request].lastToken = now }
      if step.endsPrompt, let part = step.chunk { served[part.request].firstToken = now }
      for _ in batch.finish(step) { send() }
    }
    outcome.requests = Array(served.dropFirst(load.warmUp))
    outcome.seconds = now - (outcome.requests.first?.sent ?? 0)
    return outcome
  }
}

extension ServingOutcome {
  /// - Parameters:
  ///   - forward: seconds of the step's forward pass.
  ///   - seconds: of the step with all that goes with it.
  fileprivate mutating func add(_ step: ScheduledStep, forward: Double, seconds: Double) {
    let running = Double(step.running)
    if step.chunk == nil {
      causes.decode += forward * running
    } else {
      causes.prefill += forward * running
    }
    causes.host += (seconds - forward) * running
    busySeconds += seconds
    steps += 1
    tokenSteps += step.tokens
    mostSequences = max(mostSequences, step.running)
  }
}
