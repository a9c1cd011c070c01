/// SGLang's scheduler: prompts go first, in steps of their own, and those let in together decode
/// together.
///
/// A prompt is let in if its tokens, and those it and the running sequences may make yet, fit. Of the
/// latter a share is counted that begins with 0.7, falls with each decode step, and is put back where
/// memory ran out after all and the youngest is taken out ("retracted"). See
/// `sglang/srt/managers/schedule_policy.py`.
struct SGLangPolicy: SchedulingPolicy {
  private static let firstShare = 0.7
  private static let leastShare = 0.7 * 0.14
  private static let decay = (0.7 - 0.7 * 0.14) / 600
  /// Tokens that a request is thought to make at most when it is let in.
  private static let mostExpected = 4096

  private var share = Self.firstShare

  mutating func plan(_ engine: inout EngineState) {
    var budget = engine.deployment.stepTokens
    budget -= engine.compute(atMost: budget)
    var expected = engine.units(Int(share * Double(engine.tokensLeft)))
    while budget > 0, !engine.waiting.isEmpty,
      engine.running < engine.deployment.mostSequences
    {
      let own = engine.units(min(Self.mostExpected, engine.nextTokensLeft))
      let isAlone = engine.running == 0
      guard engine.admit(keeping: isAlone ? 0 : expected + own) else { break }
      expected += own
      budget -= engine.compute(atMost: budget)
    }
    guard engine.step.chunks.isEmpty else { return }
    while !engine.decodesFit(), engine.preemptYoungest() { share = Self.firstShare }
    guard engine.decoding > 0 else { return }
    engine.decode()
    share = max(Self.leastShare, share - Self.decay)
  }
}
