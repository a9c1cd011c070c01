import CostModel
import Input
import Model

/// How an engine is usually started, and what its host adds.
///
/// The constants were fitted to published closed-loop runs (`docs/serving.md` says which, and how far
/// runs that were not fitted were off). Engines without such runs take vLLM's.
public struct ServingSetup: Sendable {
  public let policy: PolicyKind
  public var host: HostConstants
  /// Most tokens of a step and most sequences at once, where a user says so.
  public var stepTokens: Int?
  public var mostSequences: Int?
  /// What the constants come from, in words.
  public var origin: String

  public init(_ engine: ServingEngine) {
    switch engine.name {
    case ServingEngine.tensorRT.name, ServingEngine.tensorRT2024.name:
      policy = .tensorRT
      host = HostConstants(
        factor: 0.91, step: 4.5e-4, prefill: 6e-4, sequence: 2e-5, request: 2e-3, token: 8e-5)
      origin = "177 runs of Llama-3.1-8B on H100"
    case ServingEngine.sglang.name:
      policy = .sglang
      host = HostConstants(
        factor: 0.91, step: 2.9e-4, prefill: 8e-4, sequence: 2e-5, request: 2.9e-3, token: 6e-5)
      origin = "46 runs of Llama-3.1-8B on H200"
    case ServingEngine.llamaCpp.name:
      policy = .staticBatches
      host = HostConstants(step: 3e-4, sequence: 5e-6)
      origin = "nominal values"
    case ServingEngine.dyno.name:
      policy = .dyno
      host = HostConstants(step: 2e-5, sequence: 1e-6)
      origin = "nominal values"
    default:
      policy = engine.name == ServingEngine.vllm2024.name ? .vllm2024 : .vllm
      host = HostConstants(
        factor: 0.93, step: 1.5e-4, prefill: 9e-4, sequence: 2e-5, request: 2.8e-3, token: 6e-5)
      origin = "60 runs of Llama-3.1-70B on H200"
    }
  }

  /// Tokens that AIConfigurator's generator, whose launch files the fitted TensorRT-LLM runs had, adds
  /// to the longest prompt (`max_num_tokens`).
  private static let tensorRTMargin = 1500
  /// Of TensorRT-LLM's fitted runs: fewer clients were not seen to be a place short.
  private static let fewestFittedClients = 8

  /// - Parameters:
  ///   - longest: prompt of the load.
  ///   - maxPositions: of the architecture.
  ///   - concurrency: clients of a closed loop, `nil` for other loads.
  ///   - plan: of the memory.
  public func deployment(
    longest: Int, maxPositions: Int, concurrency: Int?, plan: MemoryPlan
  ) -> Deployment {
    let tokens: Int
    let sequences: Int
    switch policy {
    case .vllm: (tokens, sequences) = (8192, 1024)
    case .vllm2024: (tokens, sequences) = (max(2048, maxPositions), 256)
    case .sglang: (tokens, sequences) = (8192, 4096)
    case .tensorRT:
      // Started for the load's clients. In the fitted runs one request in so many waits until another
      // has ended: a place short, as if the one that pads captured graphs took it.
      let places = concurrency.map { $0 < Self.fewestFittedClients ? $0 : $0 - 1 }
      (tokens, sequences) = (longest + Self.tensorRTMargin, places ?? 2048)
    case .staticBatches: (tokens, sequences) = (512, concurrency ?? 512)
    case .dyno: (tokens, sequences) = (512, concurrency ?? 512)
    }
    return Deployment(
      policy: policy, stepTokens: stepTokens ?? tokens, mostSequences: mostSequences ?? sequences,
      plan: plan)
  }
}
