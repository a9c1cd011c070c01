/// vLLM's scheduler of 2024 (V0 without chunked prefill): whole prompts in steps of their own, before
/// any sequence decodes; as many as fit a step's tokens, and at least one.
struct VLLM2024Policy: SchedulingPolicy {
  func plan(_ engine: inout EngineState) {
    var budget = engine.deployment.stepTokens
    while !engine.waiting.isEmpty, engine.running < engine.deployment.mostSequences,
      engine.nextPrompt <= budget || engine.step.chunks.isEmpty
    {
      guard engine.admit(keeping: engine.running > 0 ? 1 : 0) else { break }
      budget -= engine.compute(atMost: .max)
    }
    guard engine.step.chunks.isEmpty else { return }
    while !engine.decodesFit(), engine.preemptYoungest() {}
    if engine.decoding > 0 { engine.decode() }
  }
}
