/// vLLM's scheduler (V1): decodes and chunks of prompts in one step, first come, first served.
///
/// Running sequences go first; what is left of the step's tokens goes to prompts, the last of which may
/// be cut. Where blocks run out the youngest sequence is dropped and computed again, and none is let in
/// in that step. See `vllm/v1/core/sched/scheduler.py`.
struct VLLMPolicy: SchedulingPolicy {
  func plan(_ engine: inout EngineState) {
    var isShort = false
    while !engine.decodesFit() {
      isShort = true
      guard engine.preemptYoungest() else { break }
    }
    var budget = engine.deployment.stepTokens
    if engine.decoding > 0 {
      engine.decode()
      budget -= engine.step.decodes
    }
    budget -= engine.compute(atMost: budget)
    while !isShort, budget > 0, engine.running < engine.deployment.mostSequences {
      // Alone, a request is let in whatever it may grow to.
      guard engine.admit(keeping: engine.running > 0 ? 1 : 0) else { return }
      budget -= engine.compute(atMost: budget)
    }
  }
}
