import Model

/// A forward step still without its tokens: how many new ones each sequence gets.
package struct PlannedStep {
  package var parts: [(sequence: Int, count: Int)]
  package var logits: Step.Logits
}

extension ThroughputTest {
  /// All steps that the test is made of, the prompt's first.
  ///
  /// - Parameter chunk: most tokens of a prefill step, over all sequences.
  func steps(chunk: Int) -> [PlannedStep] { prefillSteps(chunk: chunk) + plannedDecodeSteps }

  private var plannedDecodeSteps: [PlannedStep] {
    (0..<decodeSteps).map { _ in
      PlannedStep(parts: (0..<batch).map { ($0, 1) }, logits: .last)
    }
  }

  private func prefillSteps(chunk: Int) -> [PlannedStep] {
    var steps: [PlannedStep] = []
    var current = PlannedStep(parts: [], logits: .none)
    var room = chunk
    for sequence in 0..<batch {
      var left = promptTokens
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
