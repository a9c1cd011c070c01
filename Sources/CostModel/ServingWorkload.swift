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

  /// Positions of a sequence at its end.
  var positions: Int { depth + prompt + generate }
}
