import Input
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
    for (field, value) in [("prompt", prompt), ("generate", generate), ("depth", depth)] {
      let most = WholeRun.counts.upperBound
      guard (0...most).contains(value) else {
        throw InputError(field, problem: "is \(value)", expected: "0 to \(most)")
      }
    }
    guard prompt + generate > 0 else {
      throw InputError("prompt, generate", problem: "are both 0", expected: "a token to compute")
    }
    try WholeRun.requireSane(depth: depth, prompt: prompt, generate: generate, batch: batch)
    return self
  }

  /// The same without a reason, as often as a search asks.
  var isPlausible: Bool {
    let counts = 0...WholeRun.counts.upperBound
    return counts.contains(prompt) && counts.contains(generate) && counts.contains(depth)
      && prompt + generate > 0 && WholeRun.areSane(length: positions, batch: batch)
  }
}
