import Architectures

/// The steps of a static batch: which prefills and decode steps an engine makes of it. Depends on
/// memory only, not on any fitted coefficient.
struct ServingSchedule: Sendable {
  struct Prefill: Sendable {
    var sequences: Int
    var cached: Int
    var new: Int
    var count: Int
    /// Whether the prompts end with it: then logits are wanted.
    var isLast: Bool

    func isAlike(_ other: Prefill) -> Bool {
      sequences == other.sequences && cached == other.cached && count == 1 && other.count == 1
        && isLast == other.isLast && other.new <= new && 4 * other.new >= 3 * new
    }
  }

  /// Steps of as many sequences, whose mean context grows by one a step.
  struct Decode: Sendable {
    var sequences: Int
    var steps: Int
    /// Mean context of the first step, the new token included.
    var firstContext: Double
    /// How often the segment is run.
    var count = 1
  }

  /// Decode steps between which sequences come to an end or are dropped one by one: smooth enough
  /// to be integrated as one.
  struct Stretch {
    let segments: ArraySlice<Decode>
    let steps: Int
    /// Of its steps.
    let meanSequences: Double

    var count: Int { segments.first!.count }
  }

  /// Prefills of sequences computed again, whose lengths fall evenly, or a single one.
  struct PrefillGroup {
    let prefills: ArraySlice<Prefill>
    /// Whether sequences that start at once belong to it: what TTFT counts.
    let isFirst: Bool
    /// How often all of it is run.
    let count: Int
  }

  /// Tokens made of each sequence.
  private let generate: Int
  var prefills: [Prefill] = []
  var decodes: [Decode] = []
  /// Prefills before the first sequence had to wait: what TTFT counts.
  var firstPrefills = 0
  /// Sequences that were dropped and computed again.
  var preemptions = 0
  /// Most sequences at once.
  var widest = 0

  /// - Precondition: the engine's blocks are a power of two of positions.
  /// - Returns: `nil` where not even one sequence fits; of an engine that takes all of a batch or
  ///   nothing, where not all fit.
  init?(_ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine, maxPositions: Int)
  {
    if Self.fits(workload, plan, engine) {
      self.init(atOnce: workload, engine, maxPositions: maxPositions)
      return
    }
    let fitting = plan.sequences(of: workload.positions, blockPositions: engine.blockPositions)
    guard fitting >= 1, engine.cachePolicy != .fixed else { return nil }
    self.init(generate: workload.generate)
    switch engine.cachePolicy {
    case .fixed: return nil
    case .reserving:
      // The first wave by itself: TTFT counts no other.
      let width = min(fitting, workload.batch)
      for (sequences, count) in [
        (width, 1), (width, workload.batch / width - 1), (workload.batch % width, 1),
      ] where sequences > 0 && count > 0 {
        wave(sequences, workload, engine, count: count, maxPositions: maxPositions)
      }
    case .preempting:
      preempting(workload, plan.positions, engine, maxPositions: maxPositions)
    }
  }

  /// Of a batch that the memory holds.
  init(atOnce workload: ServingWorkload, _ engine: ServingEngine, maxPositions: Int) {
    self.init(generate: workload.generate)
    wave(workload.batch, workload, engine, count: 1, maxPositions: maxPositions)
  }

  private init(generate: Int) { self.generate = generate }

  /// Whether the memory holds the whole batch to its end.
  static func fits(_ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine) -> Bool
  {
    precondition(engine.blockPositions.nonzeroBitCount == 1)
    let needed = Double(workload.batch * roundedUp(workload.positions, engine.blockPositions))
    let kept = engine.cachePolicy == .preempting ? engine.watermark : 0
    return needed <= plan.positions * (1 - kept)
  }

  func forEachPrefillGroup(_ body: (PrefillGroup) -> Void) {
    var start = 0
    while start < prefills.count {
      let first = prefills[start]
      let isFirst = start < firstPrefills
      var end = start + 1
      while !isFirst, end < prefills.count, first.isAlike(prefills[end]) { end += 1 }
      body(PrefillGroup(prefills: prefills[start..<end], isFirst: isFirst, count: first.count))
      start = end
    }
  }

  func forEachStretch(_ body: (Stretch) -> Void) {
    var start = 0
    while start < decodes.count {
      var end = start + 1
      while end < decodes.count, isSmooth(from: decodes[start], decodes[end - 1], decodes[end]) {
        end += 1
      }
      let segments = decodes[start..<end]
      let steps = segments.reduce(0) { $0 + $1.steps }
      let sequences = segments.reduce(0) { $0 + $1.steps * $1.sequences }
      body(
        Stretch(
          segments: segments, steps: steps, meanSequences: Double(sequences) / Double(steps)))
      start = end
    }
  }

  /// Whether a stretch may go on: no wave begins, and not too few are left since its start.
  private func isSmooth(from first: Decode, _ last: Decode, _ next: Decode) -> Bool {
    let jump = next.firstContext - (last.firstContext + Double(last.steps))
    return first.count == 1 && next.count == 1 && next.sequences <= last.sequences
      && 4 * next.sequences >= 3 * first.sequences && 16 * abs(jump) <= Double(generate)
  }

  /// `count` times: all prompts, then all steps.
  private mutating func wave(
    _ sequences: Int, _ workload: ServingWorkload, _ engine: ServingEngine, count: Int,
    maxPositions: Int
  ) {
    widest = max(widest, sequences)
    if workload.prompt > 0 {
      addPrefills(
        sequences, workload.depth, workload.prompt, engine, count: count,
        maxPositions: maxPositions)
    }
    if firstPrefills == 0 { firstPrefills = prefills.count }
    let steps = workload.prompt > 0 ? workload.generate - 1 : workload.generate
    guard steps > 0 else { return }
    decodes.append(
      Decode(
        sequences: sequences, steps: steps,
        firstContext: Double(workload.depth + workload.prompt + 1), count: count))
  }

  /// Prompts of `new` tokens for `sequences` sequences, cut into steps as the engine does.
  private mutating func addPrefills(
    _ sequences: Int, _ cached: Int, _ new: Int, _ engine: ServingEngine, count: Int,
    maxPositions: Int
  ) {
    guard new > 0 else { return }
    guard engine.takesWholePrompts else {
      let chunk = engine.chunk!
      if new >= chunk {
        // Chunks of one prompt after the other.
        let whole = new / chunk
        for part in 0..<whole {
          add(
            Prefill(
              sequences: 1, cached: cached + part * chunk, new: chunk, count: count * sequences,
              isLast: part == whole - 1 && new % chunk == 0))
        }
        if new % chunk > 0 {
          add(
            Prefill(
              sequences: 1, cached: cached + whole * chunk, new: new % chunk,
              count: count * sequences, isLast: true))
        }
        return
      }
      let together = min(sequences, chunk / new)
      add(
        Prefill(
          sequences: together, cached: cached, new: new, count: count * (sequences / together),
          isLast: true))
      if sequences % together > 0 {
        add(
          Prefill(
            sequences: sequences % together, cached: cached, new: new, count: count, isLast: true))
      }
      return
    }
    var left = sequences
    let most =
      engine.cachePolicy == .preempting
      ? max(1, max(2048, maxPositions) / max(1, cached + new)) : sequences
    if left >= most {
      add(
        Prefill(
          sequences: most, cached: cached, new: new, count: count * (left / most), isLast: true))
      left %= most
    }
    if left > 0 {
      add(Prefill(sequences: left, cached: cached, new: new, count: count, isLast: true))
    }
  }

  private mutating func add(_ prefill: Prefill) {
    if prefills.count > firstPrefills || firstPrefills == 0, let last = prefills.last,
      last.sequences == prefill.sequences, last.cached == prefill.cached,
      last.new == prefill.new, last.isLast == prefill.isLast
    {
      prefills[prefills.count - 1].count += prefill.count
    } else {
      prefills.append(prefill)
    }
  }

  /// vLLM's scheduler on a cache too small for the batch, from event to event: prompts are let in
  /// while they fit, and when the next step does not, the youngest sequence goes back to the queue.
  private mutating func preempting(
    _ workload: ServingWorkload, _ capacity: Double, _ engine: ServingEngine, maxPositions: Int
  ) {
    let block = engine.blockPositions
    let base = workload.depth + workload.prompt
    let capacity = Int(capacity)
    let letIn = capacity - Int(Double(capacity) * engine.watermark)
    let stepTokens = engine.chunk ?? max(2048, maxPositions)
    /// With tokens made; whose turn it is stands last.
    var waiting = [(count: workload.batch, generated: 0)]
    var running = RunningSequences(
      capacity: capacity / block, blockPositions: block, base: base,
      generate: workload.generate)

    while !waiting.isEmpty || running.count > 0 {
      // Let in what fits.
      var tokens = 0
      var isStarted = false
      /// Of sequences that end with their prefill, and the blocks they hold until then.
      var ending = (sequences: 0, blocks: 0)
      while let next = waiting.last {
        let length = max(1, base + next.generated)
        let need = (length + block) / block
        let byMemory = (letIn / block - running.blocks - ending.blocks) / need
        let byStep = tokens == 0 ? max(1, stepTokens / length) : (stepTokens - tokens) / length
        var count = min(next.count, byMemory, engine.takesWholePrompts ? byStep : next.count)
        if count < 1, running.count == 0, !isStarted { count = 1 }
        guard count > 0 else { break }
        let new = workload.prompt + next.generated
        addPrefills(count, workload.depth, new, engine, count: 1, maxPositions: maxPositions)
        // A prefill ends with a token made.
        let generated = next.generated + (new > 0 ? 1 : 0)
        if generated < workload.generate {
          running.add(count, generated: generated)
        } else {
          ending.sequences += count
          ending.blocks += count * need
        }
        isStarted = true
        tokens += count * length
        guard count == next.count else {
          waiting[waiting.count - 1].count -= count
          break
        }
        waiting.removeLast()
      }
      if isStarted {
        if firstPrefills == 0 { firstPrefills = prefills.count }
        widest = max(widest, running.count + ending.sequences)
        continue
      }
      while !running.fitsAStep, running.count > 1 {
        let generated = running.dropYoungest()
        preemptions += 1
        if waiting.last?.generated == generated {
          waiting[waiting.count - 1].count += 1
        } else {
          waiting.append((1, generated))
        }
      }
      let (sequences, context) = (running.count, running.meanContext)
      decodes.append(Decode(sequences: sequences, steps: running.run(), firstContext: context))
    }
  }
}

extension ServingSchedule.PrefillGroup {
  /// Tokens of steps that are priced where those of a group differ.
  private static let spacing = 128

  /// Prefills whose attention is priced, and how often each is run for all of the group.
  func forEachNode(_ body: (_ prefill: ServingSchedule.Prefill, _ times: Double) -> Void) {
    forEachGaussNode(prefills.count) { place, weight in
      let index = min(prefills.count - 1, max(0, Int(place.rounded())))
      body(prefills[prefills.startIndex + index], weight * Double(count))
    }
  }

  /// Tokens of a step whose other operators are priced, and how often for all of the group.
  func forEachSize(
    _ body: (_ like: ServingSchedule.Prefill, _ tokens: Int, _ times: Double) -> Void
  ) {
    let first = prefills.first!
    guard prefills.count > 1 else {
      body(first, first.sequences * first.new, Double(count))
      return
    }
    let tokens = prefills.reduce(0) { $0 + $1.sequences * $1.new }
    forEachPlaceBeside(Double(tokens) / Double(prefills.count), spacing: Self.spacing) {
      body(first, $0, $1 * Double(prefills.count * count))
    }
  }
}

extension ServingSchedule.Stretch {
  /// Sequences of steps that are priced where those of a stretch differ.
  private static let spacing = 16

  /// Steps whose attention is priced, and how often each is run for all of the stretch.
  func forEachNode(_ body: (_ sequences: Int, _ context: Int, _ times: Double) -> Void) {
    forEachGaussNode(steps) { place, weight in
      var step = place
      var index = segments.startIndex
      while index + 1 < segments.endIndex, step >= Double(segments[index].steps) {
        step -= Double(segments[index].steps)
        index += 1
      }
      let segment = segments[index]
      body(
        segment.sequences, max(1, Int((segment.firstContext + step).rounded())),
        weight * Double(count))
    }
  }

  /// Sequences of a step whose other operators are priced, and how often for all of the stretch.
  func forEachSize(_ body: (_ sequences: Int, _ times: Double) -> Void) {
    guard segments.count > 1 else {
      body(segments.first!.sequences, Double(steps * count))
      return
    }
    forEachPlaceBeside(meanSequences, spacing: Self.spacing) {
      body($0, $1 * Double(steps * count))
    }
  }
}

/// Places in 0 ..< count at which a smooth function is computed for its sum, and how many each
/// stands for: all where they are few, else Gauss-Legendre's three.
private func forEachGaussNode(_ count: Int, _ body: (_ place: Double, _ weight: Double) -> Void) {
  guard count > 3 else {
    for place in 0..<count { body(Double(place), 1) }
    return
  }
  let middle = Double(count - 1) / 2
  let offset = 0.774_596_669_241_483_4 * Double(count) / 2  // √(3/5) of the half width
  body(middle - offset, Double(count) * 5 / 18)
  body(middle, Double(count) * 8 / 18)
  body(middle + offset, Double(count) * 5 / 18)
}

/// Sizes between which a mean size lies, which architectures and workloads share, and their weights.
///
/// They stand half a spacing off its multiples: those are sizes of whole tiles, the cheapest, while
/// the last tile of sizes at random is half full.
private func forEachPlaceBeside(
  _ mean: Double, spacing: Int, _ body: (_ place: Int, _ weight: Double) -> Void
) {
  let half = spacing / 2
  guard mean >= Double(half) else {
    body(Int(mean.rounded()), 1)
    return
  }
  let low = (Int(mean) - half) / spacing * spacing + half
  let share = (mean - Double(low)) / Double(spacing)
  body(low, 1 - share)
  body(low + spacing, share)
}

/// - Parameter multiple: a power of two.
private func roundedUp(_ value: Int, _ multiple: Int) -> Int {
  (value + multiple - 1) & -multiple
}
