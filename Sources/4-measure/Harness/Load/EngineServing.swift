import Engine
import Machine
import Numerics
import Requests

/// Requests served by the engine on this machine. Prompts are drawn by chance, each request's by
/// itself; further tokens are the likeliest ones.
package final class EngineServing: ServingStage {
  private let engine: Engine
  private let requests: [ServingRequest]
  private let seed: UInt64
  /// Of requests that have begun and not ended, and only of these.
  private var prompts: [Int: [Int]] = [:]
  /// Tokens made, by request.
  package private(set) var answers: [[Int]]

  /// - Parameter engine: with a slot for each client, as long as the longest request.
  package init(_ engine: Engine, _ requests: [ServingRequest], seed: UInt64) {
    self.engine = engine
    self.requests = requests
    self.seed = seed
    answers = Array(repeating: [], count: requests.count)
  }

  package func nanoseconds() -> Int { SteadyClock.nanoseconds() }

  package func run(_ step: ScheduledStep) throws -> Int {
    if let begun = step.begun, let slot = step.chunk?.slot {
      engine.cache.setLength(0, ofSequence: slot)
      prompts[begun] = prompt(of: begun)
    }
    var inputs = step.decodes.map { part in
      Engine.Input(sequence: part.slot, tokens: [answers[part.request].last!])
    }
    if let part = step.chunk, let prompt = prompts[part.request] {
      inputs.append(
        Engine.Input(
          sequence: part.slot, tokens: Array(prompt[part.cached..<part.cached + part.new]),
          promptLength: prompt.count))
      if step.endsPrompt { prompts[part.request] = nil }
    }
    // Beside decodes, a part of a prompt has a row of logits that nobody reads.
    let answered = step.answered
    let start = SteadyClock.nanoseconds()
    let logits = try engine.forward(inputs, logits: answered.isEmpty ? .none : .last)
    let seconds = SteadyClock.nanoseconds() - start
    for (row, part) in answered.enumerated() {
      answers[part.request].append(Greedy.token(logits[row]))
    }
    return seconds
  }

  private func prompt(of request: Int) -> [Int] {
    var tokens = SeededGenerator(seed: seed, stream: request)
    let vocabulary = engine.weights.architecture.vocabularySize
    return (0..<requests[request].input).map { _ in
      Int.random(in: 0..<vocabulary, using: &tokens)
    }
  }
}
