import CKernels
import Formats
import Input
import Machine
import Model

/// Bytes that running a model takes, known before anything is allocated.
public struct MemoryNeed: Sendable, Equatable {
  public var weights: Int
  public var cache: Int
  public var activations: Int

  public var total: Int { saturatingSum(weights, cache, activations) }

  /// - Parameters:
  ///   - weights: bytes of all weights.
  ///   - sequences: sequences in the cache at once, each of `capacity` positions.
  ///   - maxTokens: most new tokens of a step.
  ///   - maxLogits: most positions of a step whose logits are asked for.
  /// - Throws: `InputError` for a cache that cannot be stored, before anything large is made.
  public init(
    _ architecture: Architecture, weights: Int, cache: DType, sequences: Int, capacity: Int,
    maxTokens: Int, maxLogits: Int, threads: Int
  ) throws {
    try KVCache.check(architecture, cache)
    try architecture.check(positions: capacity)
    self.weights = weights
    self.cache = KVCache.bytes(
      architecture, dtype: cache, sequences: sequences, capacity: capacity)
    activations = saturatingSum(
      Workspace.bytes(architecture, maxTokens: maxTokens, maxLogits: maxLogits),
      Matmul.bytes(architecture, maxRows: max(maxTokens, maxLogits), threads: threads),
      ExpertActivations.bytes(architecture, rows: maxTokens),
      ExpertChoice.bytes(rows: maxTokens, active: architecture.mostActive),
      CachedAttention.bytes(
        architecture, sequences: min(sequences, maxTokens), positions: capacity, threads: threads),
      LatentAttentionWork.bytes(
        architecture, maxTokens: maxTokens, capacity: capacity, threads: threads))
  }

  /// Refuses what does not fit into `available` bytes.
  public func check(_ name: String, available: Int = AvailableMemory.bytes()) throws {
    guard total <= available else {
      func gibibytes(_ bytes: Int) -> String {
        "\((Double(bytes) / 0x1p30 * 100).rounded() / 100) GiB"
      }
      throw InputError(
        name,
        problem: "needs \(gibibytes(total)) of memory (weights \(gibibytes(weights)), KV cache "
          + "\(gibibytes(cache)), activations \(gibibytes(activations)))",
        expected: "at most the available \(gibibytes(available))")
    }
  }
}

extension MemoryNeed {
  /// What several models take together.
  public init(sumOf needs: [MemoryNeed]) {
    weights = needs.reduce(0) { saturatingSum($0, $1.weights) }
    cache = needs.reduce(0) { saturatingSum($0, $1.cache) }
    activations = needs.reduce(0) { saturatingSum($0, $1.activations) }
  }
}

extension CachedAttention {
  /// What each thread works in, and the partial results of contexts that are split: of the layers
  /// that need most.
  static func bytes(
    _ architecture: Architecture, sequences: Int, positions: Int, threads: Int
  ) -> Int {
    let split = parts(positions) > 1 ? parts(positions) : 0
    var (task, partials) = (0, 0)
    for heads in architecture.attentionHeads {
      let rows = max(1, queryRows / heads.group) * heads.group
      let (e, v) = (heads.keyWidth, heads.valueWidth)
      task = max(
        task,
        saturatingSum(
          saturatingProduct(4, rows, e + v + 2), saturatingProduct(16, rows),
          4 * dyno_attention_scratch(rows, e, v, heads.sharesKeys)))
      partials = max(
        partials, saturatingProduct(4, sequences, heads.keyValueHeads, split, rows, v + 2))
    }
    return saturatingSum(saturatingProduct(threads, task), partials)
  }
}

/// A product of sizes that come from the user: `Int.max` instead of a trap.
func saturatingProduct(_ factors: Int...) -> Int {
  factors.reduce(1) { product, factor in
    let (value, overflow) = product.multipliedReportingOverflow(by: factor)
    return overflow ? .max : value
  }
}

/// A sum of sizes that come from the user: `Int.max` instead of a trap.
func saturatingSum(_ terms: Int...) -> Int {
  terms.reduce(0) { sum, term in
    let (value, overflow) = sum.addingReportingOverflow(term)
    return overflow ? .max : value
  }
}
