/// TensorRT-LLM's in-flight batching: whole prompts beside the running sequences, and memory set aside
/// for all that a request may make (`GUARANTEED_NO_EVICT`), so that none is ever dropped.
struct TensorRTPolicy: SchedulingPolicy {
  func plan(_ engine: inout EngineState) {
    if engine.decoding > 0 { engine.decode() }
    var budget = engine.deployment.stepTokens - engine.step.decodes
    // Longer than any step: computed as the one prompt of it.
    while !engine.waiting.isEmpty, engine.running < engine.deployment.mostSequences,
      engine.nextPrompt <= budget
        || engine.step.chunks.isEmpty
          && engine.nextPrompt > engine.deployment.stepTokens
            - engine.step.decodes
    {
      guard engine.admit() else { return }
      budget -= engine.compute(atMost: .max)
    }
  }
}
