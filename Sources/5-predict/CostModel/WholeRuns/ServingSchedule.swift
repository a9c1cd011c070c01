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
    /// Whether it is a chunk of a longer prompt.
    var isPart = false

    /// Whether the two differ in how often they are run only.
    fileprivate func isSame(as other: Prefill) -> Bool {
      sequences == other.sequences && cached == other.cached && new == other.new
        && isLast == other.isLast && isPart == other.isPart
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

  /// Tokens made of each sequence.
  let generate: Int
  var prefills: [Prefill] = []
  var decodes: [Decode] = []
  /// Prefills before the first sequence had to wait: what TTFT counts.
  var firstPrefills = 0
  /// Steps of prompts: of the sequences that start at once, and all.
  var prefillSteps: (first: Int, all: Int) {
    (
      prefills.prefix(firstPrefills).reduce(0) { $0 + $1.count },
      prefills.reduce(0) { $0 + $1.count }
    )
  }
  /// Sequences that were dropped and computed again.
  var preemptions = 0
  /// Most sequences at once.
  var widest = 0
  /// Tells schedules that architectures share from one another, from 1; `nil` for one of its own.
  private(set) var identity: Int?
  /// Of a shared one: what `forEachStepBesideAttention` lists.
  private(set) var steps: [StepBesideAttention] = []

  /// - Precondition: the engine's blocks are a power of two of positions.
  /// - Returns: `nil` where not even one sequence fits; of an engine that takes all of a batch or
  ///   nothing, where not all fit.
  init?(_ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine, maxPositions: Int)
  {
    guard workload.isPlausible else { return nil }
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
      preempting(workload, plan, engine, maxPositions: maxPositions)
    }
  }

  /// Of a batch that the memory holds.
  init(atOnce workload: ServingWorkload, _ engine: ServingEngine, maxPositions: Int) {
    self.init(generate: workload.generate)
    wave(workload.batch, workload, engine, count: 1, maxPositions: maxPositions)
  }

  private init(generate: Int) { self.generate = generate }

  /// Makes this the schedule of several architectures, told from others by `identity`.
  mutating func share(as identity: Int) {
    forEachStepBesideAttention { steps.append($0) }
    self.identity = identity
  }

  /// Whether the memory holds the whole batch to its end.
  static func fits(_ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine) -> Bool
  {
    precondition(engine.blockPositions.nonzeroBitCount == 1)
    let needed =
      Double(workload.batch)
      * plan.held(workload.positions, blockPositions: engine.blockPositions)
    let kept = engine.cachePolicy == .preempting ? engine.watermark : 0
    return needed <= plan.positions * (1 - kept)
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
        var index = firstPrefills
        for start in stride(from: 0, to: new, by: chunk) {
          let size = min(chunk, new - start)
          let part = Prefill(
            sequences: 1, cached: cached + start, new: size, count: count * sequences,
            isLast: start + size == new, isPart: true)
          index = add(part, from: index) + 1
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

  /// Chunks join those of any earlier prompt: waves of long prompts repeat the same ones. Whole
  /// prompts join only their neighbours: those of even lengths are priced as a group.
  private mutating func add(_ prefill: Prefill) {
    _ = add(prefill, from: max(firstPrefills, prefills.count - 1))
  }

  /// - Parameter start: before it is none to join. For a chunk that is behind the one before it: a
  ///   prompt that had this chunk had that one too.
  /// - Returns: where it stands now.
  private mutating func add(_ prefill: Prefill, from start: Int) -> Int {
    for index in start..<max(start, prefills.count) where prefills[index].isSame(as: prefill) {
      prefills[index].count += prefill.count
      return index
    }
    prefills.append(prefill)
    return prefills.count - 1
  }

  /// vLLM's scheduler on a cache too small for the batch, from event to event: prompts are let in
  /// while they fit, and when the next step does not, the youngest sequence goes back to the queue.
  private mutating func preempting(
    _ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine, maxPositions: Int
  ) {
    prefills.reserveCapacity(16)
    decodes.reserveCapacity(64)
    let growth = plan.growth(blockPositions: engine.blockPositions)
    // A sequence begins with a token at least, and holds a block from then on.
    let base = max(1, workload.depth + workload.prompt)
    let capacity = Int(min(1e15, plan.positions))
    let letIn = growth.capacity(capacity - Int(Double(capacity) * engine.watermark))
    let stepTokens = engine.chunk ?? max(2048, maxPositions)
    /// With tokens made; whose turn it is stands last.
    var waiting = [(count: workload.batch, generated: 0)]
    var running = RunningSequences(
      capacity: growth.capacity(capacity), growth: growth, base: base,
      generate: workload.generate)

    while !waiting.isEmpty || running.count > 0 {
      // Let in what fits.
      var tokens = 0
      var isStarted = false
      /// Of sequences that end with their prefill, and the blocks they hold until then.
      var ending = (sequences: 0, blocks: 0)
      while let next = waiting.last {
        let length = base + next.generated
        let need = growth.units(length + 1)
        let byMemory = (letIn - running.blocks - ending.blocks) / need
        var count = min(next.count, byMemory)
        if engine.takesWholePrompts {
          let byStep = tokens == 0 ? max(1, stepTokens / length) : (stepTokens - tokens) / length
          count = min(count, byStep)
        }
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
