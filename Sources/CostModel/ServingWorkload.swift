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
    for (field, count, least) in [
      ("prompt", prompt, 0), ("generate", generate, 0), ("depth", depth, 0), ("batch", batch, 1),
    ] where !(least...WholeRun.counts.upperBound).contains(count) {
      throw InputError(
        field, problem: "is \(count)", expected: "\(least) to \(WholeRun.counts.upperBound)")
    }
    guard prompt + generate > 0 else {
      throw InputError("prompt, generate", problem: "are both 0", expected: "a token to compute")
    }
    guard isPlausible else {
      throw InputError(
        "batch", problem: "\(batch) of \(positions) positions is beyond all bounds",
        expected: "batch × positions² of at most \(Self.mostPairs)")
    }
    return self
  }

  /// Pairs of positions of a whole batch, which must fit in 63 bits whatever else is added.
  private static let mostPairs = 4e18

  /// The same without a reason, as often as a search asks.
  var isPlausible: Bool {
    let most = WholeRun.counts.upperBound
    guard prompt >= 0, generate >= 0, depth >= 0, batch > 0, prompt <= most, generate <= most,
      depth <= most, batch <= most, prompt + generate > 0
    else { return false }
    let length = Double(positions)
    return Double(batch) * length * length <= Self.mostPairs
  }
}
