import Records

/// One thing to time, on sequences that already hold `depth` positions.
public struct ThroughputTest: Hashable, Sendable {
  public enum Phase: Hashable, Sendable {
    /// Reads a prompt of so many tokens, in chunks, up to the logits of its last token.
    case prefill(Int)
    /// Makes so many tokens, one step each.
    case decode(Int)
    /// Reads a prompt, whose logits give the first token, then makes the others: every step, or those
    /// at sampled depths that stand for the others.
    case workload(prompt: Int, generate: Int, exact: Bool)
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
    ThroughputRecord.testName(prompt: promptTokens, generate: generatedTokens, depth: depth)
  }

  /// Prompt tokens of one sequence.
  public var promptTokens: Int {
    switch phase {
    case .prefill(let tokens), .workload(let tokens, _, _): tokens
    case .decode: 0
    }
  }

  /// Tokens made of one sequence.
  public var generatedTokens: Int {
    switch phase {
    case .prefill: 0
    case .decode(let tokens), .workload(_, let tokens, _): tokens
    }
  }

  /// Steps that make tokens.
  var decodeSteps: Int {
    if case .workload(_, let tokens, _) = phase { return tokens - 1 }
    return generatedTokens
  }

  /// Tokens of one sequence.
  public var tokensPerSequence: Int { promptTokens + generatedTokens }

  /// Tokens read or made in all.
  public var tokens: Int { batch * tokensPerSequence }

  /// Whether only some of its steps are run.
  public var isIntegrated: Bool {
    if case .workload(_, _, let exact) = phase { return !exact }
    return false
  }

  /// Most tokens of one of its steps.
  func mostTokens(chunk: Int) -> Int {
    max(
      promptTokens > 0 ? min(chunk, batch * promptTokens) : 0, generatedTokens > 0 ? batch : 0)
  }
}
