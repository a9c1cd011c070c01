/// A part of a prompt that a step computes: `new` tokens after `cached` ones.
public struct PromptChunk: Hashable, Sendable {
  public var cached: Int
  public var new: Int

  public init(cached: Int, new: Int) {
    self.cached = cached
    self.new = new
  }
}

/// What an engine computes in one step.
public struct StepContents: Sendable {
  public var chunks: [PromptChunk] = []
  /// Chunks with which their prompts end: each gives a token.
  public var finishedPrompts = 0
  /// Sequences that make a token each.
  public var decodes = 0
  /// Positions that the decoding sequences see together, the new ones included.
  public var context = 0

  public init() {}

  public init(chunks: [PromptChunk], finishedPrompts: Int, decodes: Int, context: Int) {
    self.chunks = chunks
    self.finishedPrompts = finishedPrompts
    self.decodes = decodes
    self.context = context
  }
}

/// Seconds of a step on the device.
public struct StepSeconds: Hashable, Sendable {
  /// Of the device's own work.
  public var compute: Double
  /// In which devices exchange what they computed.
  public var collectives: Double

  public init(compute: Double, collectives: Double = 0) {
    self.compute = compute
    self.collectives = collectives
  }
}

/// All that the simulation knows of a model and a device: how long a step takes.
public protocol StepTimes: AnyObject {
  func seconds(_ step: StepContents) -> StepSeconds
}
