/// What a server's scheduler decides before each step.
///
/// A policy lets requests in (`admit`), gives prompts their chunks (`compute`) and says whether the
/// running sequences decode; `EngineState` keeps the books. Speculative decoding, pools for prompts and
/// decodes, and routers would be further policies, or stand before them.
protocol SchedulingPolicy {
  /// Fills `engine.step`, which is empty. A step left empty waits for the next request.
  mutating func plan(_ engine: inout EngineState)
}

/// Whose scheduler it is.
public enum PolicyKind: String, CaseIterable, Sendable, Codable {
  case vllm
  case vllm2024 = "vllm-2024"
  case sglang
  case tensorRT = "tensorrt-llm"
  case staticBatches = "static"
  case dyno

  func made(_ deployment: Deployment) -> any SchedulingPolicy {
    switch self {
    case .vllm: VLLMPolicy()
    case .vllm2024: VLLM2024Policy()
    case .sglang: SGLangPolicy()
    case .tensorRT: TensorRTPolicy()
    case .staticBatches: StaticPolicy()
    case .dyno: DynoPolicy()
    }
  }

  /// Positions of a block: vLLM's default; TensorRT-LLM's. SGLang's pages are of one position: 16 are
  /// near enough, and quicker to count.
  package var blockPositions: Int {
    switch self {
    case .vllm, .vllm2024, .sglang: 16
    case .tensorRT: 32
    case .staticBatches, .dyno: 1
    }
  }

  /// Whether a sequence's whole length is set aside when it is let in.
  var reserves: Bool {
    switch self {
    case .vllm, .vllm2024, .sglang: false
    case .tensorRT, .staticBatches, .dyno: true
    }
  }
}
