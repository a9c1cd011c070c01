/// The sequences that an engine runs at once, and the units (`CacheGrowth`) of KV cache that they
/// hold.
///
/// All of them grow by a token a step, so what a sequence has made is its start plus a clock, and
/// those that need a new block after the same number of steps are counted together: nothing here
/// takes longer for more sequences or more steps.
struct RunningSequences {
  /// Units of the cache.
  private let capacity: Int
  private let growth: CacheGrowth
  private let blockPositions: Int
  /// Positions of a sequence that has made nothing.
  private let base: Int
  /// Tokens of a whole sequence.
  private let generate: Int

  private var clock = 0
  /// Oldest first; tokens made are `start + clock`.
  private var groups: [(start: Int, count: Int)] = []
  private(set) var count = 0
  private(set) var blocks = 0
  private var starts = 0
  /// By the clock, modulo a block's positions, before whose next step they need new blocks: units.
  private var needing: [Int]
  /// Units that all need in as many steps as a block has positions.
  private var cycle = 0

  init(capacity: Int, growth: CacheGrowth, base: Int, generate: Int) {
    self.capacity = capacity
    self.growth = growth
    blockPositions = growth.blockPositions
    self.base = base
    self.generate = generate
    needing = Array(repeating: 0, count: blockPositions)
  }

  /// Mean context of the next step, the new token included.
  var meanContext: Double { Double(base + clock) + Double(starts) / Double(count) }

  /// Whether all have room for a step.
  var fitsAStep: Bool { blocks + needing[clock & (blockPositions - 1)] <= capacity }

  mutating func add(_ added: Int, generated: Int) {
    let start = generated - clock
    change(by: added, start: start)
    let place = groups.lastIndex { $0.start >= start }.map { $0 + 1 } ?? 0
    groups.insert((start, added), at: place)
  }

  /// - Returns: how many tokens it had made.
  mutating func dropYoungest() -> Int {
    let start = groups[groups.count - 1].start
    change(by: -1, start: start)
    groups[groups.count - 1].count -= 1
    if groups[groups.count - 1].count == 0 { groups.removeLast() }
    return start + clock
  }

  /// Runs as many steps as fit, at least one, until a sequence ends or its windows are full.
  ///
  /// - Returns: how many.
  mutating func run() -> Int {
    let filling = growth.windowedLayers == 0 ? nil : filling
    let limit = min(generate - (groups[0].start + clock), filling?.steps ?? .max)
    // Every sequence takes its units in as many steps as a block has positions.
    let cycles = min(max(0, capacity - blocks) / max(1, cycle), limit / blockPositions)
    var steps = cycles * blockPositions
    blocks += cycles * cycle
    while steps < limit {
      let next = blocks + needing[(clock + steps) & (blockPositions - 1)]
      guard next <= capacity || steps == 0 else { break }
      blocks = next
      steps += 1
    }
    clock += steps
    if let filling { fillWindows(from: filling.group) }
    while let oldest = groups.first, oldest.start + clock >= generate {
      change(by: -oldest.count, start: oldest.start)
      groups.removeFirst()
    }
    return steps
  }

  /// The oldest group of those whose windows are not full, and when they are.
  private var filling: (group: Int, steps: Int)? {
    for (index, group) in groups.enumerated() {
      if let steps = growth.stepsUntilFull(base + group.start + clock) { return (index, steps) }
    }
    return nil
  }

  private mutating func fillWindows(from filling: Int) {
    for group in groups[filling...] {
      guard growth.isFull(base + group.start + clock) else { break }
      need(-group.count * growth.windowedLayers, start: group.start)
    }
  }

  private mutating func change(by change: Int, start: Int) {
    let positions = base + start + clock
    count += change
    starts += change * start
    blocks += change * growth.units(positions)
    need(change * growth.unitsPerBlock(positions), start: start)
  }

  @inline(__always)
  private mutating func need(_ units: Int, start: Int) {
    needing[-(base + start) & (blockPositions - 1)] += units
    cycle += units
  }
}
