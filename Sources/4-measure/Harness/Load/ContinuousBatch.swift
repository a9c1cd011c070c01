import Requests

/// What one step computes: a token of every decoding request, and a part of one prompt.
package struct ScheduledStep: Equatable {
  /// New tokens of one request.
  package struct Part: Equatable {
    /// Its number, in the order of sending.
    package var request: Int
    /// Of the cache.
    package var slot: Int
    /// Positions that the slot holds before.
    package var cached: Int
    package var new: Int
  }

  /// Each gets one token.
  package var decodes: [Part]
  package var chunk: Part?
  /// Whether the chunk ends its prompt, and so gives the request's first token.
  package var endsPrompt = false
  /// The request that is let in with this step.
  package var begun: Int?

  package var tokens: Int { decodes.count + (chunk?.new ?? 0) }
  /// Requests that get a token, in the order of their logits.
  package var answered: [Part] { decodes + (endsPrompt ? [chunk].compactMap(\.self) : []) }
  /// Requests that run, or will after this step.
  package var running: Int { decodes.count + (chunk == nil ? 0 : 1) }
}

/// The engine's scheduler: which tokens of which requests make the next step.
///
/// A step holds the next token of all decoding requests and one chunk of one prompt; requests are let
/// in one after another, in the order of sending, where a slot of the cache is free. The simulation's
/// policy `dyno` decides the same by books of its own; tests hold both to the same steps.
package struct ContinuousBatch {
  private let requests: [ServingRequest]
  /// Most tokens of a prompt in one step.
  private let chunk: Int
  private var freeSlots: [Int]
  private var sent = 0
  private var begun = 0
  /// The prompt that is being read: at most one.
  private var prompt: ScheduledStep.Part?
  private var decoding: [(part: ScheduledStep.Part, left: Int)] = []

  package init(_ requests: [ServingRequest], slots: Int, chunk: Int) {
    precondition(slots > 0 && chunk > 0)
    self.requests = requests
    self.chunk = chunk
    freeSlots = Array((0..<slots).reversed())
  }

  /// The next request is there, if there is one.
  package mutating func send() { sent = min(sent + 1, requests.count) }

  /// The next step; `nil` where nothing runs or waits.
  package mutating func next() -> ScheduledStep? {
    var step = ScheduledStep(decodes: decoding.map(\.part))
    if prompt == nil, begun < sent, let slot = freeSlots.popLast() {
      prompt = ScheduledStep.Part(request: begun, slot: slot, cached: 0, new: 0)
      step.begun = begun
      begun += 1
    }
    if var part = prompt {
      let left = requests[part.request].input - part.cached
      part.new = min(left, chunk)
      step.chunk = part
      step.endsPrompt = part.new == left
    }
    return step.tokens > 0 ? step : nil
  }

  /// Counts a step's tokens.
  ///
  /// - Returns: the requests that end with it.
  package mutating func finish(_ step: ScheduledStep) -> [Int] {
    var ended: [ScheduledStep.Part] = []
    for index in decoding.indices {
      decoding[index].part.cached += 1
      decoding[index].left -= 1
      if decoding[index].left == 0 { ended.append(decoding[index].part) }
    }
    decoding.removeAll { $0.left == 0 }
    if var part = step.chunk {
      part.cached += part.new
      let left = requests[part.request].output - 1
      if !step.endsPrompt {
        prompt = part
      } else {
        prompt = nil
        part.new = 1
        if left > 0 { decoding.append((part, left)) } else { ended.append(part) }
      }
    }
    freeSlots += ended.map(\.slot)
    return ended.map(\.request)
  }
}
