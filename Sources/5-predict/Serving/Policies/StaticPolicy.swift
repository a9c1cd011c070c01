/// Batches that run from their prompts to their longest answer, one after another: what waits when one
/// ends is the next.
struct StaticPolicy: SchedulingPolicy {
  private var isFilling = true

  mutating func plan(_ engine: inout EngineState) {
    if engine.running == 0 { isFilling = true }
    var budget = engine.deployment.stepTokens
    budget -= engine.compute(atMost: budget)
    while isFilling, budget > 0, engine.running < engine.deployment.mostSequences {
      guard engine.admit() else {
        isFilling = false
        break
      }
      budget -= engine.compute(atMost: budget)
    }
    guard engine.step.chunks.isEmpty else { return }
    isFilling = false
    if engine.decoding > 0 { engine.decode() }
  }
}
