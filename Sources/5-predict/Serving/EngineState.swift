import CostModel
import Requests

/// The books of a simulated server: who waits, who runs, and what they hold of the cache.
///
/// Decoding sequences are not visited step by step: each is entered once where it ends and where its
/// last block is full. Entries of sequences that were dropped are told by their epoch, and skipped.
struct EngineState {
  let deployment: Deployment
  let capacity: Int
  private let growth: CacheGrowth
  private let blockPositions: Int
  private let reserves: Bool

  /// A request on its way through the server.
  private struct Sequence {
    var input: Int
    var output: Int
    var prefix: Int?
    var prefixTokens: Int
    /// Tokens that were made before it was dropped: they are part of its prompt now.
    var made = 0
    /// Of the prompt, those that need not be computed.
    var cached = 0
    /// Units of cache that it holds for itself.
    var units = 0
    /// Decode steps before it joined them, and its positions then.
    var joined = 0
    var positions = 0
    var epoch = 0
    var isDecoding = false

    var prompt: Int { input + made }
  }

  private var sequences: [Sequence] = []
  private(set) var waiting = RequestQueue()
  /// Whose prompt is being computed, and how much of it is; at most one, the last that was let in.
  private(set) var partial: (request: Int, done: Int)?

  /// Decoding sequences, their positions together, and the tokens they are still to make.
  private(set) var decoding = 0
  private(set) var positions = 0
  private(set) var tokensLeft = 0
  /// Decode steps so far.
  private var counter = 0
  private var endings = MinimumHeap()
  /// By the decode step, modulo a block, at which a sequence takes a new block.
  private var fullBlocks: [[HeapEntry]]
  private var order: [HeapEntry] = []
  private(set) var used = 0
  private(set) var preemptions = 0
  private(set) var mostUsed = 0
  private(set) var mostSequences = 0
  private var prefixes = PrefixCache()

  // The step that is being planned.
  private(set) var step = StepContents()
  private(set) var finishing: [Int] = []
  private(set) var begun: [Int] = []
  private(set) var ended: [Int] = []

  init(_ deployment: Deployment) {
    self.deployment = deployment
    capacity = deployment.capacity
    growth = deployment.growth
    blockPositions = deployment.blockPositions
    reserves = deployment.policy.reserves
    fullBlocks = Array(repeating: [], count: deployment.blockPositions)
  }

  var isIdle: Bool { waiting.isEmpty && decoding == 0 && partial == nil }

  /// Sequences that run or will after this step.
  var running: Int { decoding + finishing.count + (partial == nil ? 0 : 1) }

  var free: Int { capacity - used }

  /// Of the request that waits longest.
  var nextPrompt: Int { sequences[waiting.first!].prompt }
  var nextLength: Int { sequences[waiting.first!].input + sequences[waiting.first!].output }
  var nextTokensLeft: Int {
    let next = sequences[waiting.first!]
    return next.output - next.made
  }

  // MARK: Requests

  /// - Parameter request: its number: they come in order, from 0.
  mutating func add(_ request: ServingRequest, prefix: Int?) -> Int {
    sequences.append(
      Sequence(
        input: request.input, output: request.output, prefix: prefix,
        prefixTokens: min(request.input, request.prefix?.tokens ?? 0)))
    return sequences.count - 1
  }

  mutating func enqueue(_ request: Int) { waiting.append(request) }

  mutating func beginStep() {
    step.chunks.removeAll(keepingCapacity: true)
    (step.finishedPrompts, step.decodes, step.context) = (0, 0, 0)
    finishing.removeAll(keepingCapacity: true)
    begun.removeAll(keepingCapacity: true)
  }

  // MARK: What policies do

  func units(_ positions: Int) -> Int { growth.units(positions) }

  /// Lets the request in that waits longest, if its cache fits: all of it where the policy reserves,
  /// else its prompt's and, in step with it, `kept` units more.
  mutating func admit(keeping kept: Int = 0) -> Bool {
    guard let request = waiting.first, partial == nil else { return false }
    let sequence = sequences[request]
    var cached = 0
    if deployment.reusesPrefixes, sequence.made == 0, let prefix = sequence.prefix {
      // At least one token is computed: it gives the first one made.
      cached = min(prefixes.positions(prefix), sequence.prefixTokens, sequence.input - 1)
      cached -= cached % blockPositions
    }
    let length = reserves ? sequence.input + sequence.output : sequence.prompt
    let own = growth.units(length) - (cached > 0 ? growth.units(cached) : 0)
    // What is shared must not go to make room for who shares it.
    if cached > 0 { prefixes.hold(sequence.prefix!) }
    // Decodes of this step take their blocks at its end.
    let growing = !reserves && step.decodes > 0 ? growthOfNextStep() : 0
    guard makeRoom(own + max(kept, growing)) else {
      if cached > 0 { prefixes.release(sequence.prefix!) }
      return false
    }
    waiting.removeFirst()
    sequences[request].cached = cached
    sequences[request].units = own
    take(own)
    partial = (request, cached)
    order.append(HeapEntry(request: request, epoch: sequence.epoch))
    begun.append(request)
    return true
  }

  /// Gives the prompt at hand up to `most` tokens of the step.
  ///
  /// - Returns: how many it takes.
  @discardableResult
  mutating func compute(atMost most: Int) -> Int {
    guard let (request, done) = partial, most > 0 else { return 0 }
    let left = sequences[request].prompt - done
    let new = min(left, most)
    step.chunks.append(PromptChunk(cached: done, new: new))
    if new == left {
      finishing.append(request)
      step.finishedPrompts += 1
      partial = nil
    } else {
      partial = (request, done + new)
    }
    return new
  }

  /// Whether the running sequences' next tokens fit; drops shared texts that nobody uses first.
  mutating func decodesFit() -> Bool { reserves || makeRoom(growthOfNextStep()) }

  /// All running sequences make a token in this step.
  mutating func decode() {
    step.decodes = decoding
    step.context = positions + decoding
  }

  /// Drops the sequence that was let in last: it will be computed again.
  ///
  /// - Returns: whether there was one beside the first.
  mutating func preemptYoungest() -> Bool {
    guard decoding + (partial == nil ? 0 : 1) > 1 else { return false }
    while let last = order.popLast() {
      guard sequences[last.request].epoch == last.epoch else { continue }
      let request = last.request
      if partial?.request == request {
        partial = nil
      } else if sequences[request].isDecoding {
        leaveDecodes(request)
      } else {
        continue
      }
      release(request)
      sequences[request].epoch += 1
      preemptions += 1
      waiting.prepend(request)
      return true
    }
    return false
  }

  // MARK: After a step

  /// Counts the step's tokens; `ended` are then the requests that end with it.
  mutating func finishStep() {
    ended.removeAll(keepingCapacity: true)
    mostSequences = max(mostSequences, running)
    if step.decodes > 0 {
      if !reserves { growBlocks() }
      counter += 1
      positions += decoding
      tokensLeft -= decoding
      while let (end, entry) = endings.first, end <= counter {
        endings.removeFirst()
        guard sequences[entry.request].epoch == entry.epoch else { continue }
        leaveDecodes(entry.request)
        release(entry.request)
        sequences[entry.request].epoch += 1
        ended.append(entry.request)
      }
    }
    for request in finishing {
      keepPrefix(of: request)
      let left = sequences[request].output - sequences[request].made - 1
      guard left > 0 else {
        release(request)
        sequences[request].epoch += 1
        ended.append(request)
        continue
      }
      joinDecodes(request, left: left)
    }
    trimOrder()
  }

  private mutating func joinDecodes(_ request: Int, left: Int) {
    let epoch = sequences[request].epoch
    let held = sequences[request].prompt
    sequences[request].joined = counter
    sequences[request].positions = held
    sequences[request].isDecoding = true
    decoding += 1
    positions += held
    tokensLeft += left
    endings.insert(counter + left, HeapEntry(request: request, epoch: epoch))
    guard !reserves else { return }
    // Its k-th token takes a block where `held + k - 1` positions fill theirs.
    let phase = (counter - held) % blockPositions
    fullBlocks[phase < 0 ? phase + blockPositions : phase].append(
      HeapEntry(request: request, epoch: epoch))
  }

  private mutating func leaveDecodes(_ request: Int) {
    let steps = counter - sequences[request].joined
    decoding -= 1
    positions -= sequences[request].positions + steps
    sequences[request].made += steps + 1
    tokensLeft -= sequences[request].output - sequences[request].made
    sequences[request].isDecoding = false
  }

  // MARK: Cache

  private mutating func take(_ units: Int) {
    used += units
    mostUsed = max(mostUsed, used)
  }

  private mutating func release(_ request: Int) {
    used -= sequences[request].units
    sequences[request].units = 0
    if sequences[request].cached > 0 {
      prefixes.release(sequences[request].prefix!)
      sequences[request].cached = 0
    }
  }

  private mutating func makeRoom(_ units: Int) -> Bool {
    while free < units {
      guard let freed = prefixes.dropOldest() else { return false }
      used -= freed
    }
    return true
  }

  /// What a sequence's blocks grow by with its next token.
  private func growth(_ request: Int) -> Int {
    let held = sequences[request].positions + counter - sequences[request].joined
    return growth.units(held + 1) - growth.units(held)
  }

  private mutating func growthOfNextStep() -> Int {
    let phase = counter % blockPositions
    let sequences = sequences
    fullBlocks[phase].removeAll { sequences[$0.request].epoch != $0.epoch }
    return fullBlocks[phase].reduce(0) { $0 + growth($1.request) }
  }

  private mutating func growBlocks() {
    for entry in fullBlocks[counter % blockPositions]
    where sequences[entry.request].epoch == entry.epoch {
      let more = growth(entry.request)
      sequences[entry.request].units += more
      take(more)
    }
  }

  /// What others begin with too stays behind, as long as nobody needs the room.
  private mutating func keepPrefix(of request: Int) {
    let sequence = sequences[request]
    guard deployment.reusesPrefixes, let prefix = sequence.prefix, sequence.cached == 0,
      prefixes.positions(prefix) == 0
    else { return }
    let shared = min(sequence.prefixTokens, sequence.input - 1)
    let positions = shared - shared % blockPositions
    guard positions > 0 else { return }
    let units = min(growth.units(positions), sequence.units)
    // They change hands: the request holds the rest.
    sequences[request].units -= units
    sequences[request].cached = positions
    prefixes.add(prefix, positions: positions, units: units)
    prefixes.hold(prefix)
  }

  /// Forgets those at the end that run no more, and now and then all such.
  private mutating func trimOrder() {
    while let last = order.last, sequences[last.request].epoch != last.epoch { order.removeLast() }
    if order.count > 64, order.count > 4 * (decoding + 1) {
      let sequences = sequences
      order.removeAll { sequences[$0.request].epoch != $0.epoch }
    }
  }
}
