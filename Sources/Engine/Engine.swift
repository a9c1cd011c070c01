import Architectures
import CKernels
import Foundation
import Host
import Operators
import Weights

/// Runs a transformer's forward pass on this machine.
///
/// Activations are f32 whatever the weights. One engine serves one caller at a time.
public final class Engine {
  /// New tokens of one sequence.
  public struct Input: Sendable {
    public var sequence: Int
    public var tokens: [Int]

    public init(sequence: Int, tokens: [Int]) {
      self.sequence = sequence
      self.tokens = tokens
    }
  }

  /// Logits of a step: `count` rows of the vocabulary's size, valid until the next step.
  public struct Logits {
    public let count: Int
    private let activations: Activations

    fileprivate init(count: Int, _ activations: Activations) {
      self.count = count
      self.activations = activations
    }

    public subscript(row: Int) -> UnsafeBufferPointer<Float> {
      precondition(row < count)
      return UnsafeBufferPointer(start: activations.row(row), count: activations.width)
    }
  }

  public let weights: ModelWeights
  public let cache: KVCache
  public let maxTokens: Int
  public let maxLogits: Int
  /// Records the time of every operator while set; costs one test per operator while not.
  public var trace: OperatorTrace?

  private let team: ThreadTeam
  private let kernels: KernelTable
  private let workspace: Workspace
  private let matmul: Matmul
  private let attention: Attention
  private var architecture: Architecture { weights.architecture }

  /// - Parameters:
  ///   - sequences: how many sequences the cache holds, each up to `capacity` positions.
  ///   - maxTokens: most new tokens of one step, over all sequences.
  ///   - maxLogits: most positions of one step whose logits are asked for.
  public init(
    _ weights: ModelWeights, cache: DType, sequences: Int, capacity: Int, maxTokens: Int,
    maxLogits: Int, team: ThreadTeam, kernels: KernelTable
  ) throws {
    precondition(
      weights.matrices.allSatisfy { $0.layout == .rows || $0.layout == .packed($0.dtype, kernels) },
      "weights were packed for other kernels")
    self.weights = weights
    self.maxTokens = maxTokens
    self.maxLogits = maxLogits
    self.team = team
    self.kernels = kernels
    self.cache = try KVCache(
      weights.architecture, dtype: cache, sequences: sequences, capacity: capacity,
      kernels: kernels)
    workspace = try Workspace(
      weights.architecture, maxTokens: maxTokens, maxLogits: maxLogits)
    matmul = try Matmul(
      weights.architecture, maxRows: max(maxTokens, maxLogits), team: team, kernels: kernels)
    attention = try Attention(weights.architecture, team: team, kernels: kernels)
  }

  /// Appends tokens to sequences and computes the logits asked for: of each input's last token, or
  /// of all tokens, in the order of the inputs.
  ///
  /// - Throws: `InputError` for token ids outside the vocabulary, a step larger than the engine was
  ///   made for, or a sequence that outgrows the cache. Nothing has changed then.
  @discardableResult
  public func forward(_ inputs: [Input], logits: Step.Logits = .last) throws -> Logits {
    let step = try checked(inputs, logits)
    trace?.begin(step)
    var rows = 0
    let placed = inputs.map { input in
      defer { rows += input.tokens.count }
      return Attention.Input(
        sequence: input.sequence, cached: cache.lengths[input.sequence],
        rows: rows..<rows + input.tokens.count)
    }
    let fullTasks = attention.tasks(placed, window: nil)
    let windowTasks = architecture.slidingWindow.map { attention.tasks(placed, window: $0) }
    try attention.reserve(for: fullTasks)
    try attention.reserve(for: windowTasks ?? [])

    let tokens = zip(inputs, placed).flatMap { input, place in
      input.tokens.enumerated().map { index, token in
        Token(id: token, sequence: place.sequence, position: place.cached + index)
      }
    }
    measure(.embedding) { embed(tokens) }
    for (index, layer) in weights.layers.enumerated() {
      let window = architecture.window(ofLayer: index)
      let tasks = window == nil ? fullTasks : windowTasks ?? fullTasks
      measure(.attentionNorm) { normalize(layer.attentionNorm, rows) }
      measure(.qkvProjection) {
        matmul(layer.qkv, workspace.normed, m: rows, into: workspace.qkv)
      }
      measure(.rotaryAndCacheWrite) { rotateAndStore(layer, index, tokens) }
      measure(.attention) {
        attention(
          tasks, placed, layer: index, window: window, cache: cache, qkv: workspace.qkv,
          into: workspace.attended)
      }
      measure(.outputProjection) {
        matmul(
          layer.output, workspace.attended, m: rows, into: workspace.residual, accumulate: true)
      }
      measure(.mlpNorm) { normalize(layer.mlpNorm, rows) }
      measure(.gateUpProjection) {
        matmul.gated(
          layer.gateUp, workspace.normed, m: rows, into: workspace.gated, for: layer.down)
      }
      measure(.downProjection) {
        matmul.ofGated(layer.down, workspace.gated, m: rows, addedTo: workspace.residual)
      }
    }
    if step.logitsRows > 0 {
      measure(.finalNorm) { select(placed, logits) }
      measure(.head) {
        matmul(weights.head, workspace.selected, m: step.logitsRows, into: workspace.logits)
      }
    }
    for input in placed { cache.advance(sequence: input.sequence, by: input.rows.count) }
    return Logits(count: step.logitsRows, workspace.logits)
  }

  private func checked(_ inputs: [Input], _ logits: Step.Logits) throws -> Step {
    let step = Step(
      sequences: inputs.map {
        Step.Sequence(cached: cache.lengths[$0.sequence], new: $0.tokens.count)
      }, logits: logits)
    precondition(Set(inputs.map(\.sequence)).count == inputs.count, "a sequence is there twice")
    guard step.tokens > 0, step.tokens <= maxTokens, step.logitsRows <= maxLogits else {
      throw InputError(
        "step", problem: "has \(step.tokens) tokens and asks \(step.logitsRows) logits",
        expected: "1 to \(maxTokens) tokens, at most \(maxLogits) logits")
    }
    for (input, sequence) in zip(inputs, step.sequences) {
      guard sequence.new > 0, sequence.cached + sequence.new <= cache.capacity else {
        throw InputError(
          "sequence \(input.sequence)",
          problem: "has \(sequence.cached) positions and gets \(sequence.new)",
          expected: "1 to \(cache.capacity - sequence.cached) new ones")
      }
      for token in input.tokens where !(0..<architecture.vocabularySize).contains(token) {
        throw InputError(
          "token \(token)", problem: "is outside the vocabulary",
          expected: "0 to \(architecture.vocabularySize - 1)")
      }
    }
    return step
  }

  private func measure(_ kind: Operator.Kind, _ body: () -> Void) {
    guard let trace else { return body() }
    let start = SteadyClock.nanoseconds()
    body()
    trace.record(kind, start: start, end: SteadyClock.nanoseconds())
  }

  // MARK: Row by row

  /// One row of a step.
  private struct Token {
    let id: Int
    let sequence: Int
    let position: Int
  }

  /// Shares rows among the threads; a single one is done before others would have woken.
  private func forEachRow(_ rows: Int, _ body: (Int) -> Void) {
    guard rows > 1 else { return body(0) }
    team.run { rank in
      for row in team.slice(rows, rank: rank) { body(row) }
    }
  }

  /// Gathers embedding rows, and each token's angles.
  private func embed(_ tokens: [Token]) {
    forEachRow(tokens.count) { row in
      weights.embedding.expand(
        row: tokens[row].id, kernels, into: workspace.residual.row(row))
      let cosines = workspace.cosines.row(row)
      let sines = workspace.sines.row(row)
      for (pair, frequency) in weights.inverseFrequencies.enumerated() {
        let angle = Double(tokens[row].position) * frequency
        cosines[pair] = Float(cos(angle))
        sines[pair] = Float(sin(angle))
      }
    }
  }

  private func normalize(_ norm: FloatBuffer, _ rows: Int) {
    forEachRow(rows) { row in
      kernels.functions.rms_norm(
        workspace.residual.row(row), norm.base, norm.count, epsilon, workspace.normed.row(row))
    }
  }

  private var epsilon: Float { Float(architecture.rmsNormEpsilon) }

  /// Norms query and key heads where the architecture does, turns them, stores keys and values.
  private func rotateAndStore(_ layer: ModelWeights.Layer, _ index: Int, _ tokens: [Token]) {
    let a = architecture
    let e = a.headDimension
    forEachRow(tokens.count) { row in
      cache.prefetchStore(
        layer: index, sequence: tokens[row].sequence, position: tokens[row].position)
      let heads = workspace.qkv.row(row)
      let cosines = workspace.cosines.row(row)
      let sines = workspace.sines.row(row)
      for head in 0..<(a.queryHeads + a.keyValueHeads) {
        let values = heads + head * e
        if let norm = head < a.queryHeads ? layer.queryNorm : layer.keyNorm {
          kernels.functions.rms_norm(values, norm.base, e, epsilon, values)
        }
        kernels.functions.rotate(values, cosines, sines, e, weights.interleavedRotary)
      }
      for head in 0..<a.keyValueHeads {
        let key = heads + (a.queryHeads + head) * e
        cache.store(
          key: key, value: key + a.keyValueHeads * e, layer: index,
          sequence: tokens[row].sequence, head: head, position: tokens[row].position, kernels)
      }
    }
  }

  /// The final norm of the rows whose logits are asked for.
  private func select(_ placed: [Attention.Input], _ logits: Step.Logits) {
    var chosen = 0
    func normalize(_ row: Int) {
      kernels.functions.rms_norm(
        workspace.residual.row(row), weights.finalNorm.base, weights.finalNorm.count, epsilon,
        workspace.selected.row(chosen))
      chosen += 1
    }
    for input in placed {
      switch logits {
      case .none: break
      case .last: normalize(input.rows.upperBound - 1)
      case .all: input.rows.forEach(normalize)
      }
    }
  }
}
