import CKernels
import COpenBLAS
import Formats
import Machine
import Model
import Weights

/// Buffers of latent attention.
final class LatentAttentionWork: Sendable {
  /// Of absorbed attention, all heads side by side: queries as wide as the cache, and what they give.
  let queries, outputs: Activations
  /// One sequence's cache as f32.
  let latents: FloatBuffer
  /// Of each thread.
  let threads: [Thread]

  struct Thread: Sendable {
    /// One head's keys and values of some positions.
    let keys, values: FloatBuffer
    /// Running softmax of all tokens of one head.
    let maximum, sum, output: FloatBuffer
    let queries, scratch: FloatBuffer
    let visible: FloatBuffer
  }

  /// Positions whose keys and values a thread projects at a time: as many as stay in its cache.
  static let positions = 512
  /// Tokens that attend at a time.
  static let tokens = 64

  init(_ architecture: Architecture, maxTokens: Int, capacity: Int, threads count: Int) throws {
    let size = Size(architecture, maxTokens: maxTokens, capacity: capacity)
    queries = try Activations(rows: maxTokens, width: size.queries)
    outputs = try Activations(rows: maxTokens, width: size.outputs)
    latents = try FloatBuffer(count: size.latents)
    threads = try (0..<count).map { _ in
      Thread(
        keys: try FloatBuffer(count: size.keys), values: try FloatBuffer(count: size.values),
        maximum: try FloatBuffer(count: maxTokens), sum: try FloatBuffer(count: maxTokens),
        output: try FloatBuffer(count: size.output),
        queries: try FloatBuffer(count: size.blockQueries),
        scratch: try FloatBuffer(count: size.scratch),
        // Two integers a row, in memory that is aligned for them.
        visible: try FloatBuffer(count: 4 * Self.tokens))
    }
  }

  /// Most floats of each buffer over all layers.
  private struct Size {
    var queries = 0
    var outputs = 0
    var latents = 0
    var keys = 0
    var values = 0
    var output = 0
    var blockQueries = 0
    var scratch = 0

    init(_ architecture: Architecture, maxTokens: Int, capacity: Int) {
      for case let attention? in architecture.layers.kinds.map(\.latentAttention) {
        queries = max(queries, attention.queryHeads * attention.cacheWidth)
        outputs = max(outputs, attention.queryHeads * attention.rank)
        latents = max(latents, saturatingProduct(capacity, attention.cacheWidth))
        keys = max(keys, positions * attention.keyWidth)
        values = max(values, positions * attention.valueWidth)
        output = max(output, saturatingProduct(maxTokens, attention.valueWidth))
        blockQueries = max(blockQueries, tokens * attention.keyWidth)
        scratch = max(
          scratch,
          dyno_attention_scratch(tokens, attention.keyWidth, attention.valueWidth, true))
      }
    }
  }

  static func bytes(
    _ architecture: Architecture, maxTokens: Int, capacity: Int, threads: Int
  ) -> Int {
    guard architecture.layers.kinds.contains(where: { $0.latentAttention != nil }) else { return 0 }
    let size = Size(architecture, maxTokens: maxTokens, capacity: capacity)
    let shared = saturatingSum(
      Activations.bytes(rows: maxTokens, width: size.queries),
      Activations.bytes(rows: maxTokens, width: size.outputs), saturatingProduct(4, size.latents))
    let each = saturatingSum(
      size.keys, size.values, saturatingProduct(2, maxTokens), size.output, size.blockQueries,
      size.scratch, 4 * tokens)
    return saturatingSum(shared, saturatingProduct(4, threads, each))
  }
}

/// One layer's latent attention in one step (DeepSeek-V2, arXiv 2405.04434, section 2.1).
///
/// Of sequences with many new tokens, keys and values are projected from the cache, head by head and
/// some positions at a time. Of others, queries and outputs are projected instead, and all heads attend
/// to the cache as it is.
struct LatentAttentionPass: Sendable {
  let matmul: Matmul
  let attention: LatentAttention
  /// To each head's key and value, one head after another; in rows.
  let projection: Matrix
  let layer: Int
  let cache: KVCache
  /// Turned queries, heads side by side.
  let queries: Activations
  let work: LatentAttentionWork
  let output: Activations

  private var team: ThreadTeam { matmul.team }
  private var kernels: KernelTable { matmul.kernels }
  private var headRows: Int { attention.plainWidth + attention.valueWidth }

  // MARK: Keys and values expanded

  /// Rows of `output` of one input's tokens.
  func expand(_ input: CachedAttention.Input) {
    let latents = latents(of: input)
    team.share(attention.queryHeads, grain: 1, chunk: 1) { rank, heads in
      for head in heads { attend(head, input, latents, work.threads[rank], rank) }
    }
  }

  /// The cache of a sequence, its new tokens included, as f32.
  private func latents(of input: CachedAttention.Input) -> Operand {
    let width = attention.cacheWidth
    func operand(_ values: UnsafePointer<Float>) -> Operand {
      Operand(values: values, stride: width, rounded: matmul.roundedInputs.base)
    }
    guard cache.dtype != .f32 else {
      let stored = cache.keys(layer: layer, sequence: input.sequence, head: 0)
      return operand(stored.assumingMemoryBound(to: Float.self))
    }
    let positions = input.cached + input.rows.count
    team.run { rank in
      let stored = cache.keys(layer: layer, sequence: input.sequence, head: 0)
      let part = team.slice(positions, rank: rank)
      kernels.functions.expand(
        cache.dtype.kernelType, stored + cache.dtype.bytes(part.lowerBound * width),
        part.count * width, work.latents.base + part.lowerBound * width)
    }
    return operand(work.latents.base)
  }

  private func attend(
    _ head: Int, _ input: CachedAttention.Input, _ latents: Operand,
    _ thread: LatentAttentionWork.Thread, _ rank: Int
  ) {
    let (tokens, width) = (input.rows.count, attention.valueWidth)
    thread.maximum.base.update(repeating: -.infinity, count: tokens)
    thread.sum.base.update(repeating: 0, count: tokens)
    thread.output.base.update(repeating: 0, count: tokens * width)
    let end = input.cached + tokens
    for first in stride(from: 0, to: end, by: LatentAttentionWork.positions) {
      let count = min(LatentAttentionWork.positions, end - first)
      project(head, first, count, latents, thread, rank)
      // Tokens before the first position see none of these.
      for start in stride(
        from: max(0, first - input.cached) / LatentAttentionWork.tokens
          * LatentAttentionWork.tokens, to: tokens, by: LatentAttentionWork.tokens)
      {
        attend(
          head, input, start..<min(tokens, start + LatentAttentionWork.tokens), first, count, thread
        )
      }
    }
    for token in 0..<tokens {
      let destination = output.row(input.rows.lowerBound + token) + head * width
      let (values, scale) = (thread.output.base + token * width, 1 / thread.sum.base[token])
      for i in 0..<width { destination[i] = values[i] * scale }
    }
  }

  /// One head's keys and values of some positions: `key = [W_K·c | turned part]`, `value = W_V·c`.
  private func project(
    _ head: Int, _ first: Int, _ count: Int, _ latents: Operand,
    _ thread: LatentAttentionWork.Thread, _ rank: Int
  ) {
    let (plain, row) = (attention.plainWidth, head * headRows)
    let rows = Operand(
      values: latents.values + first * latents.stride, stride: latents.stride,
      rounded: latents.rounded)
    let scratch = matmul.scratch[rank].base
    matmul.multiply(
      projection, row..<row + plain, rows, count, thread.keys.base, attention.keyWidth, false,
      scratch)
    matmul.multiply(
      projection, row + plain..<row + headRows, rows, count, thread.values.base,
      attention.valueWidth, false, scratch)
    for position in 0..<count {
      (thread.keys.base + position * attention.keyWidth + plain).update(
        from: rows.values + position * rows.stride + attention.rank, count: attention.rotaryWidth)
    }
  }

  /// A block of tokens against positions whose keys and values the thread has projected.
  private func attend(
    _ head: Int, _ input: CachedAttention.Input, _ tokens: Range<Int>, _ first: Int, _ count: Int,
    _ thread: LatentAttentionWork.Thread
  ) {
    let (width, scale) = (attention.keyWidth, Float(attention.scoreScale))
    thread.visible.base.withMemoryRebound(to: Int.self, capacity: 2 * LatentAttentionWork.tokens) {
      visible in
      let (from, to) = (visible, visible + LatentAttentionWork.tokens)
      for (index, token) in tokens.enumerated() {
        from[index] = 0
        to[index] = max(0, min(count, input.cached + token + 1 - first))
        let source = queries.row(input.rows.lowerBound + token) + head * width
        for i in 0..<width { thread.queries.base[index * width + i] = source[i] * scale }
      }
      var block = dyno_attention_block()
      block.cache_type = DYNO_F32
      block.key_width = width
      block.value_width = attention.valueWidth
      block.keys = UnsafeRawPointer(thread.keys.base)
      block.values = UnsafeRawPointer(thread.values.base)
      block.key_stride = width
      block.value_stride = attention.valueWidth
      block.count = count
      block.queries = UnsafePointer(thread.queries.base)
      block.query_stride = width
      block.rows = tokens.count
      block.visible_from = UnsafePointer(from)
      block.visible_to = UnsafePointer(to)
      block.maximum = thread.maximum.base + tokens.lowerBound
      block.sum = thread.sum.base + tokens.lowerBound
      block.output = thread.output.base + tokens.lowerBound * attention.valueWidth
      block.scratch = thread.scratch.base
      kernels.functions.attention(&block)
    }
  }

  // MARK: Projections absorbed

  /// Queries as wide as the cache, of some rows of the step: `[W_Kᵀ·q | turned part]`.
  func absorbQueries(_ rows: Range<Int>) {
    let (plain, rank, width) = (attention.plainWidth, attention.rank, attention.cacheWidth)
    team.share(attention.queryHeads, grain: 1, chunk: 1) { thread, heads in
      for head in heads {
        let scratch = matmul.scratch[thread].base
        matmul.forEachExpanded(
          projection, head * headRows..<head * headRows + plain, scratch
        ) { w, count, offset in
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows.count), blasint(rank),
            blasint(count), 1,
            queries.row(rows.lowerBound) + head * attention.keyWidth + offset,
            blasint(queries.stride), w, blasint(rank), offset > 0 ? 1 : 0,
            work.queries.row(rows.lowerBound) + head * width, blasint(work.queries.stride))
        }
        for row in rows {
          (work.queries.row(row) + head * width + rank).update(
            from: queries.row(row) + head * attention.keyWidth + plain,
            count: attention.rotaryWidth)
        }
      }
    }
  }

  /// Values of what the heads have gathered from the cache: `W_V·o`.
  func absorbOutputs(_ rows: Range<Int>) {
    team.share(attention.queryHeads, grain: 1, chunk: 1) { thread, heads in
      for head in heads {
        let first = head * headRows + attention.plainWidth
        matmul.multiply(
          projection, first..<first + attention.valueWidth,
          Operand(
            values: work.outputs.row(rows.lowerBound) + head * attention.rank,
            stride: work.outputs.stride, rounded: matmul.roundedInputs.base), rows.count,
          output.row(rows.lowerBound) + head * attention.valueWidth, output.stride, false,
          matmul.scratch[thread].base)
      }
    }
  }
}

extension Architecture {
  /// Every kind of heads that attention reads the cache with.
  var attentionHeads: [AttentionHeads] {
    layers.kinds.compactMap { AttentionHeads(readingCacheIn: $0) }
  }
}

extension AttentionHeads {
  /// - Returns: `nil` for a layer without attention.
  init?(readingCacheIn layer: Layer) {
    switch layer.mixer {
    case .attention(let attention): self.init(attention)
    case .latentAttention(let attention): self.init(absorbing: attention)
    case nil: return nil
    }
  }
}
