import CKernels
import Formats
import Foundation
import Input
import Machine
import Model
import Weights

/// Runs a transformer's forward pass on this machine.
///
/// Activations are f32 whatever the weights. One engine serves one caller at a time.
public final class Engine {
  /// New tokens of one sequence.
  public struct Input: Sendable {
    public var sequence: Int
    public var tokens: [Int]
    /// Positions that the sequence will have when its prompt is read whole, where that is longer than
    /// what these tokens make it: some rotations depend on it.
    public var promptLength: Int

    public init(sequence: Int, tokens: [Int], promptLength: Int = 0) {
      self.sequence = sequence
      self.tokens = tokens
      self.promptLength = promptLength
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
  /// Experts chosen by chance, instead of by the router.
  public var routing: SyntheticRouting?
  /// Experts whose weights were read, since the engine was made.
  public private(set) var expertReads = ExpertReads()

  public struct ExpertReads: Sendable {
    /// Distinct experts, summed over layers with experts and steps.
    public var distinct = 0
    /// How many sums: layers with experts, of all steps.
    public var layers = 0

    public func since(_ before: ExpertReads) -> ExpertReads {
      ExpertReads(distinct: distinct - before.distinct, layers: layers - before.layers)
    }
  }

  private let team: ThreadTeam
  private let kernels: KernelTable
  private let workspace: Workspace
  private let matmul: Matmul
  private let attention: CachedAttention
  /// `nil` where no layer has latent attention.
  private let latent: LatentAttentionWork?
  /// `nil` where no layer has experts.
  private let experts: ExpertActivations?
  private let choice: ExpertChoice
  private let angles: [[Double]]
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
    attention = try CachedAttention(
      weights.architecture.attentionHeads, team: team, kernels: kernels)
    latent =
      try weights.architecture.firstLatentAttention == nil
      ? nil
      : LatentAttentionWork(
        weights.architecture, maxTokens: maxTokens, capacity: capacity, threads: team.count)
    let active = weights.architecture.mostActive
    experts = active > 0 ? try ExpertActivations(weights.architecture, rows: maxTokens) : nil
    choice = ExpertChoice(rows: maxTokens, active: active)
    angles = workspace.angles.map {
      $0.rotary.dependsOnLength ? [] : $0.rotary.inverseFrequencies(dimensions: $0.dimensions)
    }
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
    let batch = try Batch(inputs, cache, logits)
    let plans = try architecture.layers.kinds.map { layer in
      let plan = AttentionPlan(layer, batch.placed, attention)
      if let heads = plan.heads { try attention.reserve(for: plan.tasks, heads) }
      return plan
    }
    measure(.embedding) { embed(batch) }
    for (layer, operators) in weights.program.layers.enumerated() {
      let plan = plans[architecture.layers.order[layer]]
      for (place, operation) in operators.enumerated() {
        measure(operation.kind) { run(operation, place, layer, plan, batch) }
      }
    }
    if step.logitsRows > 0 {
      measure(.finalNorm) { select(batch) }
      measure(.head) {
        matmul(weights.head, workspace[.selected], m: step.logitsRows, into: workspace[.logits])
        scaleLogits(step.logitsRows)
      }
    }
    for input in batch.placed { cache.advance(sequence: input.sequence, by: input.rows.count) }
    return Logits(count: step.logitsRows, workspace[.logits])
  }

  /// Runs one operator of a layer.
  ///
  /// - Parameter place: its index among the layer's operators.
  private func run(
    _ operation: Operator, _ place: Int, _ layer: Int, _ plan: AttentionPlan, _ batch: Batch
  ) {
    let own = weights.layers[layer][place]
    let rows = batch.tokens.count
    switch operation.body {
    case .embedding: preconditionFailure("a layer embeds nothing")
    case .norm(let norm, let from, let to):
      let (source, destination) = (workspace[from], workspace[to])
      forEachRow(rows) { [kernels] row in
        kernels.normalize(
          norm, own.norms[0], source.row(row), operation.width, destination.row(row))
      }
    case .projection(let projection):
      let (linear, x, y) = (own.linear!, workspace[projection.from], workspace[projection.to])
      let accumulate = projection.accumulates
      if let activation = projection.activation {
        matmul.activated(
          linear, activation, x, m: rows, into: y, for: weights.layers[layer][place + 1].linear!,
          scales: projection.isScaled ? workspace[.sharedScale] : nil)
      } else if projection.from == .activated {
        matmul.ofActivated(linear, x, m: rows, into: y, accumulate: accumulate)
      } else {
        matmul(linear, x, m: rows, into: y, accumulate: accumulate)
      }
    case .rotaryAndCacheWrite(let heads): rotateAndStore(heads, own.norms, layer, batch)
    case .attention:
      attention(
        plan.heads!, sinks: own.numbers, plan.tasks, plan.inputs, layer: layer, cache: cache,
        queries: workspace[.queryKeyValue], into: workspace[.attended])
    case .latentRotaryAndCacheWrite(let heads): rotateAndStore(heads, own.norms, layer, batch)
    case .latentAttention(let heads):
      attend(heads, own.linear!.parts[0], layer, plan)
    case .route(let experts, let from): route(experts, own, workspace[from], layer, batch)
    case .experts(let mixture, let from, let to):
      ExpertPass(
        matmul: matmul, experts: own.experts, mixture: mixture, choice: choice, x: workspace[from],
        m: rows, work: experts!
      ).run(into: workspace[to], accumulate: to == .residual)
    case .sharedScale(let from):
      let scales = workspace[.sharedScale]
      matmul(own.linear!, workspace[from], m: rows, into: scales)
      for row in 0..<rows { scales.row(row)[0] = 1 / (1 + exp(-scales.row(row)[0])) }
    case .residual(let norm, let scale):
      let (branch, residual) = (workspace[.branch], workspace[.residual])
      forEachRow(rows) { [kernels] row in
        let (values, sum) = (branch.row(row), residual.row(row))
        if let norm { kernels.normalize(norm, own.norms[0], values, operation.width, values) }
        let scale = Float(scale)
        for i in 0..<operation.width { sum[i] += scale * values[i] }
      }
    }
  }

  /// How the inputs of a step attend in layers of one kind.
  private struct AttentionPlan {
    /// `nil` where there is no attention.
    let heads: AttentionHeads?
    /// What reads the cache as it is, and how that is cut.
    let inputs: [CachedAttention.Input]
    let tasks: [CachedAttention.Task]
    /// What latent attention projects keys and values for.
    let expanded: [CachedAttention.Input]

    init(_ layer: Layer, _ placed: [CachedAttention.Input], _ attention: CachedAttention) {
      func isExpanded(_ input: CachedAttention.Input) -> Bool {
        layer.latentAttention?.expands(cached: input.cached, new: input.rows.count) ?? false
      }
      heads = AttentionHeads(readingCacheIn: layer)
      inputs = placed.filter { !isExpanded($0) }
      expanded = placed.filter(isExpanded)
      tasks = heads.map { [inputs] in attention.tasks(inputs, $0) } ?? []
    }

    /// Rows that read the cache as it is, neighbours together.
    var rows: [Range<Int>] {
      inputs.reduce(into: []) { rows, input in
        if let last = rows.last, last.upperBound == input.rows.lowerBound {
          rows[rows.count - 1] = last.lowerBound..<input.rows.upperBound
        } else {
          rows.append(input.rows)
        }
      }
    }
  }

  private func attend(
    _ heads: LatentAttention, _ projection: Matrix, _ layer: Int, _ plan: AttentionPlan
  ) {
    let work = latent!
    let pass = LatentAttentionPass(
      matmul: matmul, attention: heads, projection: projection, layer: layer, cache: cache,
      queries: workspace[heads.queryRank == nil ? .queryKeyValue : .queries], work: work,
      output: workspace[.attended])
    for input in plan.expanded { pass.expand(input) }
    guard !plan.inputs.isEmpty else { return }
    let rows = plan.rows
    rows.forEach(pass.absorbQueries)
    attention(
      plan.heads!, plan.tasks, plan.inputs, layer: layer, cache: cache, queries: work.queries,
      into: work.outputs)
    rows.forEach(pass.absorbOutputs)
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
      let learned = architecture.learnedPositions
      guard learned == 0 || sequence.cached + sequence.new <= learned else {
        throw InputError(
          "sequence \(input.sequence)",
          problem: "reaches position \(sequence.cached + sequence.new)",
          expected: "at most \(learned): \(architecture.name) has an embedding for each position")
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

  /// The rows of a step and where they belong.
  private struct Batch {
    struct Token {
      let id: Int
      /// Index into `placed`.
      let input: Int
      let sequence: Int
      let position: Int
    }

    let placed: [CachedAttention.Input]
    let tokens: [Token]
    let logits: Step.Logits

    init(_ inputs: [Input], _ cache: KVCache, _ logits: Step.Logits) throws {
      var rows = 0
      placed = inputs.map { input in
        defer { rows += input.tokens.count }
        return CachedAttention.Input(
          sequence: input.sequence, cached: cache.lengths[input.sequence],
          rows: rows..<rows + input.tokens.count, promptLength: input.promptLength)
      }
      tokens = zip(inputs, placed).enumerated().flatMap { index, pair in
        pair.0.tokens.enumerated().map { offset, token in
          Token(
            id: token, input: index, sequence: pair.1.sequence, position: pair.1.cached + offset)
        }
      }
      self.logits = logits
    }
  }

  // MARK: Row by row

  /// Shares rows among the threads; a single one is done before others would have woken.
  private func forEachRow(_ rows: Int, _ body: @Sendable (Int) -> Void) {
    guard rows > 1 else { return body(0) }
    team.run { [team] rank in
      for row in team.slice(rows, rank: rank) { body(row) }
    }
  }

  /// Gathers embedding rows, and each token's angles.
  private func embed(_ batch: Batch) {
    let scale = Float(architecture.embeddingScale)
    let residual = workspace[.residual]
    // By input, where angles depend on how long its sequence has become.
    let frequencies = zip(workspace.angles, angles).map { table, fixed in
      batch.placed.map { input in
        table.rotary.dependsOnLength
          ? table.rotary.inverseFrequencies(
            dimensions: table.dimensions, length: input.length) : fixed
      }
    }
    let tables = workspace.angles
    forEachRow(batch.tokens.count) { [weights, kernels] row in
      let token = batch.tokens[row]
      let values = residual.row(row)
      weights.embedding.expand(row: token.id, kernels, into: values)
      if scale != 1 { for i in 0..<weights.architecture.hiddenSize { values[i] *= scale } }
      if let positions = weights.positions {
        kernels.add(positions, row: token.position, to: values)
      }
      for (table, frequencies) in zip(tables, frequencies) {
        let (cosines, sines) = (table.cosines.row(row), table.sines.row(row))
        let factor = table.rotary.attentionFactor
        for (pair, frequency) in frequencies[token.input].enumerated() {
          let angle = Double(token.position) * frequency
          cosines[pair] = Float(factor * cos(angle))
          sines[pair] = Float(factor * sin(angle))
        }
      }
    }
  }

  /// Norms query and key heads where the architecture does, turns them, stores keys and values.
  private func rotateAndStore(
    _ heads: Attention, _ norms: [ModelWeights.NormWeights], _ layer: Int, _ batch: Batch
  ) {
    let e = heads.headDimension
    let qkv = workspace[.queryKeyValue]
    let angles = heads.rotary.map { workspace.angles[Workspace.angles($0, architecture)] }
    forEachRow(batch.tokens.count) { [kernels, cache] row in
      let token = batch.tokens[row]
      cache.prefetchStore(layer: layer, sequence: token.sequence, position: token.position)
      let (queries, keys) = (qkv.row(row), qkv.row(row) + heads.queryWidth)
      func normalize() {
        guard let norm = heads.queryKeyNorm else { return }
        kernels.normalizeHeads(norm, norms[0], queries, heads.queryHeads, e)
        kernels.normalizeHeads(norm, norms[1], keys, heads.keyValueHeads, e)
      }
      let isNormedLast = heads.queryKeyNorm?.isAfterRotation ?? false
      if !isNormedLast { normalize() }
      if let rotary = heads.rotary, let angles {
        for head in 0..<(heads.queryHeads + heads.keyValueHeads) {
          kernels.functions.rotate(
            queries + head * e, angles.cosines.row(row), angles.sines.row(row),
            rotary.dimensions, rotary.interleaved)
        }
      }
      if isNormedLast { normalize() }
      for head in 0..<heads.keyValueHeads {
        let key = keys + head * e
        cache.store(
          key: key, value: key + heads.keyValueWidth, layer: layer, sequence: token.sequence,
          head: head, position: token.position, kernels)
      }
    }
  }

  /// Norms what the cache holds of a token, turns its last part and the queries', stores it.
  private func rotateAndStore(
    _ heads: LatentAttention, _ norms: [ModelWeights.NormWeights], _ layer: Int, _ batch: Batch
  ) {
    let qkv = workspace[.queryKeyValue]
    let queries = heads.queryRank == nil ? qkv : workspace[.queries]
    let angles = workspace.angles[Workspace.angles(heads.rotary, architecture)]
    forEachRow(batch.tokens.count) { [kernels, cache] row in
      let token = batch.tokens[row]
      let latent = qkv.row(row) + (heads.queryRank ?? heads.queryWidth)
      kernels.normalize(heads.latentNorm, norms[0], latent, heads.rank, latent)
      func turn(_ values: UnsafeMutablePointer<Float>) {
        kernels.functions.rotate(
          values, angles.cosines.row(row), angles.sines.row(row), heads.rotaryWidth,
          heads.rotary.interleaved)
      }
      turn(latent + heads.rank)
      for head in 0..<heads.queryHeads {
        turn(queries.row(row) + head * heads.keyWidth + heads.plainWidth)
      }
      cache.store(
        latent: latent, layer: layer, sequence: token.sequence, position: token.position, kernels)
    }
  }

  /// Scores experts, chooses among them, and groups the rows by expert.
  private func route(
    _ experts: Experts, _ own: ModelWeights.OperatorWeights, _ x: Activations, _ layer: Int,
    _ batch: Batch
  ) {
    let scores = workspace[.expertScores]
    matmul(own.linear!, x, m: batch.tokens.count, into: scores)
    forEachRow(batch.tokens.count) { [choice, routing] row in
      let token = batch.tokens[row]
      choice.set(
        row: row, experts, scores.row(row), correction: own.numbers,
        routing?.draw(layer: layer, sequence: token.sequence, position: token.position))
    }
    choice.group(rows: batch.tokens.count, of: experts)
    expertReads.distinct += choice.groups.count
    expertReads.layers += 1
  }

  /// The final norm of the rows whose logits are asked for.
  private func select(_ batch: Batch) {
    let (residual, selected) = (workspace[.residual], workspace[.selected])
    var chosen = 0
    func normalize(_ row: Int) {
      kernels.normalize(
        architecture.finalNorm, weights.finalNorm, residual.row(row), architecture.hiddenSize,
        selected.row(chosen))
      chosen += 1
    }
    for input in batch.placed {
      switch batch.logits {
      case .none: break
      case .last: normalize(input.rows.upperBound - 1)
      case .all: input.rows.forEach(normalize)
      }
    }
  }

  /// Scale and soft cap of the logits, where the architecture has them.
  private func scaleLogits(_ rows: Int) {
    let scale = Float(architecture.logitScale)
    let softcap = architecture.logitSoftcap.map(Float.init)
    guard scale != 1 || softcap != nil else { return }
    let logits = workspace[.logits]
    let vocabulary = architecture.vocabularySize
    team.run { [team] rank in
      let columns = team.slice(vocabulary, rank: rank, grain: 64)
      for row in 0..<rows {
        let values = logits.row(row)
        for i in columns {
          values[i] *= scale
          if let softcap { values[i] = softcap * tanh(values[i] / softcap) }
        }
      }
    }
  }
}
