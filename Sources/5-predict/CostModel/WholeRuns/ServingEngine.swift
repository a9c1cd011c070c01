import Input
import Model
import Records

/// How a serving engine spends memory and time around the operators: what its source or manual
/// says, as far as it decides how long a static batch takes. What is fitted is in
/// `EndToEndModel.coefficients`.
public struct ServingEngine: Sendable, Equatable {
  /// What happens when the KV cache does not hold the whole batch.
  public enum CachePolicy: Sendable, Equatable {
    /// As many sequences start as fit now; when blocks run out, the youngest is dropped and
    /// computed again later (vLLM's recomputation).
    case preempting
    /// A sequence starts once its whole length is reserved: the batch runs in waves.
    case reserving
    /// The whole batch, or nothing.
    case fixed
  }

  /// How decode attention reads keys and values.
  public enum DecodeKernel: Sendable, Equatable {
    /// One read for a whole query group: what the operator rung's tables time.
    case grouped
    /// Each query head reads its KV head for itself, through the L2's port.
    case perQueryHead
  }

  public var name: String
  public var cachePolicy: CachePolicy
  /// Positions of one block of the KV cache, a power of two.
  public var blockPositions: Int
  /// Share of the cache kept free when a prompt is let in.
  public var watermark: Double
  /// Most tokens of one prefill step, `nil` where a step takes whole prompts of all sequences.
  public var chunk: Int?
  /// Whether a step takes whole prompts only, and at least one whatever its length.
  public var takesWholePrompts: Bool
  public var decodeKernel: DecodeKernel
  /// Whether models with a sliding window decode with PagedAttention, whose first version serves
  /// more than 512 (sequence, head) pairs by one block each.
  public var pagedAttentionForWindows: Bool
  /// Whether layers with a sliding window free what it has left behind.
  public var dropsBehindWindows = true
  /// Share of memory that the engine may fill.
  public var memoryShare: Double
  /// Bytes beside weights, cache and activations: context, libraries.
  public var reservedBytes: Double

  /// Of September 2025 and later: FlashAttention for all, chunked prefill. Chunk: the default of
  /// `max_num_batched_tokens` for offline batches on GPUs of less than 70 GB and on A100.
  public static let vllm = ServingEngine(
    name: "vllm", cachePolicy: .preempting, blockPositions: 16, watermark: 0.01, chunk: 8192,
    takesWholePrompts: false, decodeKernel: .grouped, pagedAttentionForWindows: false,
    memoryShare: 0.9, reservedBytes: 0x1p30)
  /// Of 2024, as LLM-Inference-Bench ran it: whole prompts, no chunks.
  public static let vllm2024 = ServingEngine(
    name: "vllm-2024", cachePolicy: .preempting, blockPositions: 16, watermark: 0.01, chunk: nil,
    takesWholePrompts: true, decodeKernel: .perQueryHead, pagedAttentionForWindows: true,
    memoryShare: 0.9, reservedBytes: 0x1p30)
  /// Of 2024, as LLM-Inference-Bench ran it: built for the batch, no eviction.
  public static let tensorRT2024 = ServingEngine(
    name: "tensorrt-llm-2024", cachePolicy: .reserving, blockPositions: 64, watermark: 0,
    chunk: nil, takesWholePrompts: true, decodeKernel: .perQueryHead,
    pagedAttentionForWindows: false, memoryShare: 0.9, reservedBytes: 0x1p30)
  /// TensorRT-LLM 1.x under load: whole prompts, whole lengths reserved (`GUARANTEED_NO_EVICT`).
  public static let tensorRT = ServingEngine(
    name: "tensorrt-llm", cachePolicy: .reserving, blockPositions: 32, watermark: 0, chunk: 8192,
    takesWholePrompts: false, decodeKernel: .grouped, pagedAttentionForWindows: false,
    memoryShare: 0.9, reservedBytes: 0x1p30)
  /// SGLang 0.5: prompts first, in chunks (`chunked_prefill_size`).
  public static let sglang = ServingEngine(
    name: "sglang", cachePolicy: .preempting, blockPositions: 16, watermark: 0, chunk: 8192,
    takesWholePrompts: false, decodeKernel: .grouped, pagedAttentionForWindows: false,
    memoryShare: 0.88, reservedBytes: 0x1p30)
  /// As `llama-bench` runs it: one test after another, in micro-batches of 512 tokens.
  public static let llamaCpp = ServingEngine(
    name: "llama.cpp", cachePolicy: .fixed, blockPositions: 1, watermark: 0, chunk: 512,
    takesWholePrompts: false, decodeKernel: .grouped, pagedAttentionForWindows: false,
    memoryShare: 1, reservedBytes: 0x1p29)
  /// Dyno's own.
  public static let dyno = ServingEngine(
    name: "dyno", cachePolicy: .fixed, blockPositions: 1, watermark: 0, chunk: 512,
    takesWholePrompts: false, decodeKernel: .grouped, pagedAttentionForWindows: false,
    dropsBehindWindows: false, memoryShare: 1, reservedBytes: 0)

  /// Whether it runs on devices of a kind: Dyno's own on CPUs alone.
  func runs(on kind: DeviceLimits.Kind) -> Bool { kind == .cpu || name != Self.dyno.name }

  /// Whether it refuses to cut a matrix within a group that shares a scale (vLLM and SGLang: "not divisible
  /// by weight quantization block_n", "not aligned with the quantized weight shape").
  var cutsWholeGroups: Bool { [Self.vllm, .vllm2024, .sglang].contains { $0.name == name } }

  public static let all = [
    vllm, vllm2024, tensorRT, tensorRT2024, sglang, llamaCpp, dyno,
  ]

  /// - Throws: `InputError` that lists the engines.
  public static func named(_ name: String) throws -> ServingEngine {
    let name = name == "trtllm" ? tensorRT.name : name  // as AIConfigurator spells it
    guard let engine = all.first(where: { $0.name == name }) else {
      throw InputError(
        "engine", problem: "\"\(name.prefix(40))\" is not known",
        expected: all.map(\.name).joined(separator: ", "))
    }
    return engine
  }
}
