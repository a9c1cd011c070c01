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

  var prefills: [Prefill] = []
  var decodes: [Decode] = []
  /// Prefills before the first sequence had to wait: what TTFT counts.
  var firstPrefills = 0
  /// Sequences that were dropped and computed again.
  var preemptions = 0
  /// Most sequences at once.
  var widest = 0

  /// - Returns: `nil` where not even one sequence fits.
  init?(_ workload: ServingWorkload, _ plan: MemoryPlan, _ engine: ServingEngine, maxPositions: Int)
  {
    let block = engine.blockPositions
    let fitting = plan.sequences(of: workload.positions, blockPositions: block)
    switch engine.cachePolicy {
    case .fixed:
      guard fitting >= workload.batch else { return nil }
      wave(workload.batch, workload, engine, count: 1)
    case .reserving:
      guard fitting >= 1 else { return nil }
      let width = min(fitting, workload.batch)
      wave(width, workload, engine, count: workload.batch / width)
      let rest = workload.batch % width
      if rest > 0 { wave(rest, workload, engine, count: 1) }
    case .preempting:
      guard fitting >= 1 else { return nil }
      let needed = Double(workload.batch * roundedUp(workload.positions, block))
      if needed <= plan.positions * (1 - engine.watermark) {
        wave(workload.batch, workload, engine, count: 1, maxPositions: maxPositions)
      } else {
        preempting(workload, plan.positions, engine, maxPositions: maxPositions)
      }
    }
  }

  /// `count` times: all prompts, then all steps.
  private mutating func wave(
    _ sequences: Int, _ workload: ServingWorkload, _ engine: ServingEngine, count: Int,
    maxPositions: Int = 0
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
    if let last = prefills.last, last.sequences == prefill.sequences, last.cached == prefill.cached,
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
    struct Group {
      var count: Int
      var generated: Int
    }
    let block = engine.blockPositions
    let base = workload.depth + workload.prompt
    let capacity = Int(capacity)
    let mark = Int(Double(capacity) * engine.watermark)
    let stepTokens = engine.chunk ?? max(2048, maxPositions)
    var waiting = [Group(count: workload.batch, generated: 0)]
    var running: [Group] = []
    func used(_ groups: [Group], ahead: Int) -> Int {
      groups.reduce(0) { $0 + $1.count * roundedUp(base + $1.generated + ahead, block) }
    }

    while !waiting.isEmpty || !running.isEmpty {
      // Let in what fits.
      var tokens = 0
      var occupied = used(running, ahead: 0)
      var started: [Group] = []
      while let head = waiting.first {
        let need = roundedUp(base + head.generated + 1, block)
        let length = base + head.generated
        let byMemory = (capacity - mark - occupied) / need
        let byStep = tokens == 0 ? max(1, stepTokens / length) : (stepTokens - tokens) / length
        var count = min(head.count, byMemory, engine.takesWholePrompts ? byStep : head.count)
        if count < 1, running.isEmpty, started.isEmpty { count = 1 }
        guard count > 0 else { break }
        started.append(Group(count: count, generated: head.generated))
        tokens += count * length
        occupied += count * need
        waiting[0].count -= count
        if waiting[0].count == 0 { waiting.removeFirst() } else { break }
      }
      if !started.isEmpty {
        for group in started {
          let new = workload.prompt + group.generated
          addPrefills(
            group.count, workload.depth, new, engine, count: 1, maxPositions: maxPositions)
          // A prefill ends with a token made.
          running.append(
            Group(count: group.count, generated: group.generated + (new > 0 ? 1 : 0)))
        }
        if firstPrefills == 0 { firstPrefills = prefills.count }
        running.removeAll { $0.generated >= workload.generate }
        widest = max(widest, running.reduce(0) { $0 + $1.count })
        continue
      }
      // Drop the youngest until one more step fits.
      while used(running, ahead: 1) > capacity, running.reduce(0, { $0 + $1.count }) > 1 {
        let youngest = running.indices.min { running[$0].generated < running[$1].generated }!
        running[youngest].count -= 1
        preemptions += 1
        let generated = running[youngest].generated
        if let head = waiting.first, head.generated == generated {
          waiting[0].count += 1
        } else {
          waiting.insert(Group(count: 1, generated: generated), at: 0)
        }
        if running[youngest].count == 0 { running.remove(at: youngest) }
      }
      // As many steps as fit before a sequence ends.
      let untilEnd = running.reduce(Int.max) { min($0, workload.generate - $1.generated) }
      var low = 1
      var high = untilEnd
      while low < high {
        let middle = (low + high + 1) / 2
        if used(running, ahead: middle) <= capacity { low = middle } else { high = middle - 1 }
      }
      let count = running.reduce(0) { $0 + $1.count }
      let positions = running.reduce(0) { $0 + $1.count * (base + $1.generated) }
      decodes.append(
        Decode(
          sequences: count, steps: low, firstContext: Double(positions) / Double(count)))
      for index in running.indices { running[index].generated += low }
      running.removeAll { $0.generated >= workload.generate }
    }
  }
}

private func roundedUp(_ value: Int, _ multiple: Int) -> Int {
  (value + multiple - 1) / multiple * multiple
}
