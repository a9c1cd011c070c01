import Engine
import Operators
import Records

/// One thing to time, on sequences that already hold `depth` positions.
public struct ThroughputTest: Hashable, Sendable {
  public enum Phase: Hashable, Sendable {
    /// Reads a prompt of so many tokens, in chunks, up to the logits of its last token.
    case prefill(Int)
    /// Makes so many tokens, one step each.
    case decode(Int)
  }

  public var phase: Phase
  public var depth: Int
  /// Sequences at once.
  public var batch: Int

  public init(_ phase: Phase, depth: Int, batch: Int) {
    self.phase = phase
    self.depth = depth
    self.batch = batch
  }

  /// As `llama-bench` names tests.
  public var name: String {
    switch phase {
    case .prefill(let tokens):
      ThroughputRecord.testName(prompt: tokens, generate: 0, depth: depth)
    case .decode(let tokens): ThroughputRecord.testName(prompt: 0, generate: tokens, depth: depth)
    }
  }

  /// Tokens of one sequence.
  public var tokensPerSequence: Int {
    switch phase {
    case .prefill(let tokens), .decode(let tokens): tokens
    }
  }

  /// Tokens read or made in all.
  public var tokens: Int { batch * tokensPerSequence }

  /// The steps that a run of it takes.
  ///
  /// - Parameter chunk: most tokens of a prefill step, over all sequences.
  func steps(chunk: Int) -> [PlannedStep] {
    switch phase {
    case .decode(let tokens):
      return (0..<tokens).map { _ in
        PlannedStep(parts: (0..<batch).map { ($0, 1) }, logits: .last)
      }
    case .prefill(let tokens):
      var steps: [PlannedStep] = []
      var current = PlannedStep(parts: [], logits: .none)
      var room = chunk
      for sequence in 0..<batch {
        var left = tokens
        while left > 0 {
          // A step holds whole ends of prompts, whose logits are wanted, or a part of one prompt.
          if left > room, !current.parts.isEmpty {
            steps.append(current)
            current = PlannedStep(parts: [], logits: .none)
            room = chunk
          }
          let count = min(left, room)
          current.parts.append((sequence, count))
          left -= count
          room -= count
          if left == 0 { current.logits = .last }
          if room == 0 {
            steps.append(current)
            current = PlannedStep(parts: [], logits: .none)
            room = chunk
          }
        }
      }
      return current.parts.isEmpty ? steps : steps + [current]
    }
  }
}

/// A forward step still without its tokens: how many new ones each sequence gets.
struct PlannedStep {
  var parts: [(sequence: Int, count: Int)]
  var logits: Step.Logits
}
