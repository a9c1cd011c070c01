import CKernels
import Foundation
import Machine
import Model
import Weights

/// Heads as attention computes them: how they share the cache, how wide they are, what they see.
package struct AttentionHeads {
  let queryHeads, keyValueHeads: Int
  let keyWidth, valueWidth: Int
  let window, chunk: Int?
  let scale: Double
  let softcap: Double?
  let temperature: Attention.QueryTemperature?
  /// Whether keys lie in rows, of which values are the first elements.
  let sharesKeys: Bool

  package init(_ attention: Attention) {
    (queryHeads, keyValueHeads) = (attention.queryHeads, attention.keyValueHeads)
    (keyWidth, valueWidth) = (attention.headDimension, attention.headDimension)
    (window, chunk) = (attention.window, attention.chunk)
    scale = attention.scoreScale
    softcap = attention.softcap
    temperature = attention.temperature
    sharesKeys = false
  }

  /// Latent attention with the projections absorbed: all heads read what the cache holds.
  init(absorbing attention: LatentAttention) {
    (queryHeads, keyValueHeads) = (attention.queryHeads, 1)
    (keyWidth, valueWidth) = (attention.cacheWidth, attention.rank)
    (window, chunk, softcap, temperature) = (nil, nil, nil, nil)
    scale = attention.scoreScale
    sharesKeys = true
  }

  var group: Int { queryHeads / keyValueHeads }

  /// The first position that one at `position` sees.
  func firstVisible(from position: Int) -> Int {
    if let chunk { return position / chunk * chunk }
    return window.map { max(0, position + 1 - $0) } ?? 0
  }
}

/// Grouped-query attention of a step over the KV cache, of layers that may differ in heads and window.
///
/// The work is cut into tasks that do not depend on the number of threads, so neither do results:
/// one KV head of one sequence, a block of new tokens with all their query heads, and a range of
/// positions. Long contexts of few tokens are split over positions, and their partial softmaxes
/// merged in a fixed order; each cache entry is read once for its whole query group.
package final class CachedAttention {
  package struct Task {
    /// Index into the step's inputs.
    let input: Int
    let head: Int
    let tokens: Range<Int>
    let positions: Range<Int>
    /// Where the partial result goes, `nil` where this task has all positions.
    let partial: Int?
  }

  /// One input of a step: its sequence, what is cached of it, its rows among the step's tokens.
  package struct Input {
    let sequence: Int
    let cached: Int
    let rows: Range<Int>
    /// Positions of the sequence when this step, or the whole prompt, is done.
    let length: Int

    package init(sequence: Int, cached: Int, rows: Range<Int>, promptLength: Int = 0) {
      self.sequence = sequence
      self.cached = cached
      self.rows = rows
      length = max(promptLength, cached + rows.count)
    }
  }

  private let team: ThreadTeam
  private let kernels: KernelTable
  private let workspaces: [Workspace]
  private var partials: FloatBuffer?

  /// Positions in one task where contexts are split: long enough to stream, short enough to share.
  private static let splitPositions = 512
  /// Query rows that share one pass over the cache.
  static let queryRows = 64

  /// How one kind of attention is cut.
  private struct Blocks {
    let group: Int
    /// New tokens of a task.
    let tokens: Int
    let keyWidth, valueWidth: Int
    let sharesKeys: Bool

    init(_ heads: AttentionHeads) {
      group = heads.group
      tokens = max(1, queryRows / group)
      (keyWidth, valueWidth) = (heads.keyWidth, heads.valueWidth)
      sharesKeys = heads.sharesKeys
    }

    var rows: Int { tokens * group }
    /// Maximum and sum of each row, then the unnormalised output.
    var partialCount: Int { rows * (2 + valueWidth) }
    var scratch: Int { dyno_attention_scratch(rows, keyWidth, valueWidth, sharesKeys) }
  }

  /// What one thread needs for one task. Sendable, as each rank uses only its own.
  private struct Workspace: @unchecked Sendable {
    let queries, output, maximum, sum, scratch: FloatBuffer
    let visible: UnsafeMutablePointer<Int>
  }

  /// - Parameter kinds: every attention that will be asked for.
  package init(_ kinds: [AttentionHeads], team: ThreadTeam, kernels: KernelTable) throws {
    self.team = team
    self.kernels = kernels
    let blocks = kinds.map(Blocks.init)
    func most(_ size: (Blocks) -> Int) -> Int { blocks.map(size).max() ?? 1 }
    let rows = most(\.rows)
    let queries = most { $0.rows * $0.keyWidth }
    let values = most { $0.rows * $0.valueWidth }
    let scratch = most(\.scratch)
    workspaces = try (0..<team.count).map { _ in
      Workspace(
        queries: try FloatBuffer(count: queries), output: try FloatBuffer(count: values),
        maximum: try FloatBuffer(count: rows), sum: try FloatBuffer(count: rows),
        scratch: try FloatBuffer(count: scratch), visible: .allocate(capacity: 2 * rows))
    }
  }

  deinit { for workspace in workspaces { workspace.visible.deallocate() } }

  /// Cuts a step's attention into tasks.
  package func tasks(_ inputs: [Input], _ heads: AttentionHeads) -> [Task] {
    let tokenBlock = Blocks(heads).tokens
    var tasks: [Task] = []
    var partial = 0
    for (index, input) in inputs.enumerated() {
      let new = input.rows.count
      for head in 0..<heads.keyValueHeads {
        for start in stride(from: 0, to: new, by: tokenBlock) {
          let tokens = start..<min(new, start + tokenBlock)
          let first = heads.firstVisible(from: input.cached + tokens.lowerBound)
          let positions = first..<(input.cached + tokens.upperBound)
          let parts = new <= tokenBlock ? Self.parts(positions.count) : 1
          guard parts > 1 else {
            tasks.append(
              Task(input: index, head: head, tokens: tokens, positions: positions, partial: nil))
            continue
          }
          // Without a window, parts begin where panels of keys do.
          func cut(_ part: Int) -> Int {
            guard part < parts else { return positions.upperBound }
            return positions.lowerBound + positions.count * part / parts / 64 * 64
          }
          for part in 0..<parts {
            tasks.append(
              Task(
                input: index, head: head, tokens: tokens, positions: cut(part)..<cut(part + 1),
                partial: partial))
            partial += 1
          }
        }
      }
    }
    return tasks
  }

  /// Parts that so many positions are cut into, of at most an eighth more than `splitPositions`: a few
  /// left over would be a part that costs as much to begin and to merge.
  static func parts(_ positions: Int) -> Int {
    (positions + splitPositions - splitPositions / 8 - 1) / splitPositions
  }

  /// Memory for the partial results of `tasks`, kept from step to step.
  package func reserve(for tasks: [Task], _ heads: AttentionHeads) throws {
    let needed =
      tasks.reduce(0) { $0 + ($1.partial == nil ? 0 : 1) } * Blocks(heads).partialCount
    if needed > partials?.count ?? 0 { partials = try FloatBuffer(count: needed) }
  }

  /// Reads rotated queries from the first columns of `queries`, writes heads side by side to `output`.
  ///
  /// - Parameter sinks: of each query head, a score that joins its softmax and attends to nothing.
  package func callAsFunction(
    _ heads: AttentionHeads, sinks: FloatBuffer? = nil, _ tasks: [Task], _ inputs: [Input],
    layer: Int, cache: KVCache, queries: Activations, into output: Activations
  ) {
    let pass = Pass(
      heads: heads, sinks: sinks, blocks: Blocks(heads), layer: layer, cache: cache,
      queries: queries, output: output, partials: partials, kernels: kernels)
    // Neighbouring tasks read on where the last one ended: a thread does best to take them in order.
    team.share(tasks.count, grain: 1, chunk: 1) { [workspaces] rank, range in
      for task in tasks[range] {
        Self.run(task, inputs[task.input], pass, workspaces[rank])
      }
    }
    guard tasks.contains(where: { $0.partial != nil }) else { return }
    team.run { [team, workspaces] rank in
      var index = 0
      var merged = 0
      while index < tasks.count {
        let task = tasks[index]
        let end = tasks[index...].firstIndex { $0.input != task.input || $0.head != task.head }
        let last = end ?? tasks.count
        if task.partial != nil {
          if merged % team.count == rank {
            Self.merge(tasks[index..<last], inputs[task.input], pass, workspaces[rank])
          }
          merged += 1
        }
        index = last
      }
    }
  }

  /// One layer's attention in one step.
  private struct Pass {
    let heads: AttentionHeads
    let sinks: FloatBuffer?
    let blocks: Blocks
    let layer: Int
    let cache: KVCache
    let queries: Activations
    let output: Activations
    let partials: FloatBuffer?
    let kernels: KernelTable
  }

  private static func run(_ task: Task, _ input: Input, _ pass: Pass, _ workspace: Workspace) {
    let (heads, cache, layer) = (pass.heads, pass.cache, pass.layer)
    let (group, blockRows) = (pass.blocks.group, pass.blocks.rows)
    let partialCount = pass.blocks.partialCount
    let e = heads.keyWidth
    let rows = task.tokens.count * group
    let scale = Float(heads.scale)
    let from = workspace.visible
    let to = workspace.visible + blockRows
    for (block, token) in task.tokens.enumerated() {
      let end = input.cached + token + 1
      let source = pass.queries.row(input.rows.lowerBound + token) + task.head * group * e
      let scale = heads.temperature.map { scale * Float($0.factor(at: end - 1)) } ?? scale
      for g in 0..<group {
        let row = block * group + g
        from[row] = heads.firstVisible(from: end - 1)
        to[row] = end
        for l in 0..<e { workspace.queries.base[row * e + l] = source[g * e + l] * scale }
      }
    }
    let maximum: UnsafeMutablePointer<Float>
    let sum: UnsafeMutablePointer<Float>
    let accumulated: UnsafeMutablePointer<Float>
    if let partial = task.partial, let partials = pass.partials {
      maximum = partials.base + partial * partialCount
      sum = maximum + blockRows
      accumulated = sum + blockRows
    } else {
      maximum = workspace.maximum.base
      sum = workspace.sum.base
      accumulated = workspace.output.base
    }
    maximum.update(repeating: -.infinity, count: rows)
    sum.update(repeating: 0, count: rows)
    accumulated.update(repeating: 0, count: rows * heads.valueWidth)

    var block = dyno_attention_block()
    block.cache_type = cache.dtype.kernelType
    block.key_width = e
    block.value_width = heads.valueWidth
    block.keys = UnsafeRawPointer(
      cache.keys(layer: layer, sequence: input.sequence, head: task.head))
    if heads.sharesKeys {
      block.values = block.keys
      (block.key_stride, block.value_stride) = (e, e)
    } else {
      block.values = UnsafeRawPointer(
        cache.values(layer: layer, sequence: input.sequence, head: task.head))
    }
    block.first = task.positions.lowerBound
    block.count = task.positions.count
    block.queries = UnsafePointer(workspace.queries.base)
    block.query_stride = e
    block.rows = rows
    block.softcap = Float(heads.softcap ?? 0)
    block.visible_from = UnsafePointer(from)
    block.visible_to = UnsafePointer(to)
    block.maximum = maximum
    block.sum = sum
    block.output = accumulated
    block.scratch = workspace.scratch.base
    pass.kernels.functions.attention(&block)
    if task.partial == nil { normalize(task, input, maximum, sum, accumulated, pass) }
  }

  /// Combines the partial softmaxes of one head, in the order of their positions.
  private static func merge(
    _ parts: ArraySlice<Task>, _ input: Input, _ pass: Pass, _ workspace: Workspace
  ) {
    guard let partials = pass.partials, let first = parts.first else { return }
    let e = pass.heads.valueWidth
    let (blockRows, partialCount) = (pass.blocks.rows, pass.blocks.partialCount)
    for row in 0..<first.tokens.count * pass.blocks.group {
      var maximum = -Float.infinity
      for part in parts {
        maximum = max(maximum, partials.base[part.partial! * partialCount + row])
      }
      var sum: Float = 0
      let total = workspace.output.base + row * e
      total.update(repeating: 0, count: e)
      for part in parts {
        let base = partials.base + part.partial! * partialCount
        let weight = exp(base[row] - maximum)
        sum += weight * base[blockRows + row]
        let values = base + 2 * blockRows + row * e
        for l in 0..<e { total[l] += weight * values[l] }
      }
      workspace.maximum.base[row] = maximum
      workspace.sum.base[row] = sum
    }
    normalize(
      first, input, workspace.maximum.base, workspace.sum.base, workspace.output.base, pass)
  }

  private static func normalize(
    _ task: Task, _ input: Input, _ maximum: UnsafeMutablePointer<Float>,
    _ sum: UnsafeMutablePointer<Float>, _ values: UnsafeMutablePointer<Float>, _ pass: Pass
  ) {
    let (e, group) = (pass.heads.valueWidth, pass.blocks.group)
    for (block, token) in task.tokens.enumerated() {
      let destination = pass.output.row(input.rows.lowerBound + token) + task.head * group * e
      for g in 0..<group {
        let row = block * group + g
        // A sink weighs e^sink beside the positions' weights, which are relative to the maximum.
        let sink = pass.sinks.map { exp($0.base[task.head * group + g] - maximum[row]) } ?? 0
        let scale = 1 / (sum[row] + sink)
        for l in 0..<e { destination[g * e + l] = values[row * e + l] * scale }
      }
    }
  }
}

extension Attention.QueryTemperature {
  /// What a query at `position` is multiplied by.
  func factor(at position: Int) -> Double {
    1 + beta * log(Double(1 + (position + offset) / positions))
  }
}
