/// Dyno's engine: a chunk of one prompt and the running sequences' tokens in one step; each request has
/// a slot of the cache as long as it may grow.
struct DynoPolicy: SchedulingPolicy {
  func plan(_ engine: inout EngineState) {
    if engine.decoding > 0 { engine.decode() }
    if engine.partial == nil, engine.running < engine.deployment.mostSequences {
      _ = engine.admit()
    }
    engine.compute(atMost: engine.deployment.stepTokens)
  }
}
