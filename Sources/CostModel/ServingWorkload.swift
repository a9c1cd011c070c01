import Architectures
import Records

/// What a device is asked to do: `batch` sequences at once, each with `prompt` tokens in (after
/// `depth` that are cached already) and `generate` tokens out.
public struct ServingWorkload: Hashable, Sendable {
  public var prompt: Int
  public var generate: Int
  public var depth: Int
  public var batch: Int

  public init(prompt: Int, generate: Int, depth: Int = 0, batch: Int) {
    self.prompt = prompt
    self.generate = generate
    self.depth = depth
    self.batch = batch
  }

  init(_ run: WholeRun) {
    self.init(prompt: run.prompt, generate: run.generate, depth: run.depth, batch: run.batch)
  }

  /// Positions of a sequence at its end.
  var positions: Int { depth + prompt + generate }

  /// Checks what schedules rely on: counts whose products fit in 63 bits.
  ///
  /// - Throws: `InputError` that names the count.
  public func validated() throws -> ServingWorkload {
    try CountLimits.check("prompt", prompt, from: 0)
    try CountLimits.check("generate", generate, from: 0)
    try CountLimits.check("depth", depth, from: 0)
    try CountLimits.check("batch", batch, from: 1)
    guard prompt + generate > 0 else {
      throw InputError("prompt, generate", problem: "are both 0", expected: "a token to compute")
    }
    try CountLimits.check(batch: batch, positions: positions)
    return self
  }

  /// The same without a reason, as often as a search asks.
  var isPlausible: Bool {
    let counts = 0...CountLimits.largest
    return counts.contains(prompt) && counts.contains(generate) && counts.contains(depth)
      && batch > 0 && counts.contains(batch) && prompt + generate > 0
      && batch * positions <= CountLimits.positions
  }
}
