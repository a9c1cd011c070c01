import Formats
import Input
import Model

/// The time of a static batch on a device: prefill of `prompt` tokens a sequence after `depth`
/// cached positions, then generation of `generate` tokens.
///
/// With a prompt the first token comes from the prefill, so `generate - 1` decode steps follow;
/// without one (`tg` tests) there are `generate` steps.
public struct WholeRun: Sendable {
  public var device: String
  public var engine: String
  public var architecture: Architecture
  public var weights: NumberStorage
  public var cache: NumberStorage
  public var devices: Int
  public var prompt: Int
  public var generate: Int
  public var depth: Int
  public var batch: Int
  /// Most tokens of a prefill step, where it is known.
  public var chunk: Int?
  public var seconds: Double
  /// Of each sample by its block, where the harness took them in blocks with those of others.
  public var secondsByBlock: [Int: Double] = [:]
  /// Share of the floor by the limits measured right before and after each sample, where the
  /// harness did so: then the run can be judged at the machine's best instead of its mood.
  public var pairedFloorFraction: Double?
  /// Where it is from: a line of a file.
  public var origin: String
  /// The process it was measured in, where several rows share one: what happened to the machine
  /// meanwhile, happened to all of them.
  public var run = ""

  public init(
    device: String, engine: String, architecture: Architecture, weights: NumberStorage,
    cache: NumberStorage,
    devices: Int = 1, prompt: Int, generate: Int, depth: Int = 0, batch: Int, chunk: Int? = nil,
    seconds: Double, pairedFloorFraction: Double? = nil, origin: String
  ) {
    self.device = device
    self.engine = engine
    self.architecture = architecture
    self.weights = weights
    self.cache = cache
    self.devices = devices
    self.prompt = prompt
    self.generate = generate
    self.depth = depth
    self.batch = batch
    self.chunk = chunk
    self.seconds = seconds
    self.pairedFloorFraction = pairedFloorFraction
    self.origin = origin
  }

  /// Tokens of a sequence: larger counts are mistakes.
  public static let counts = 1...10_000_000
  /// Sequences of a batch, requests: likewise, and their schedules would take hours to work out.
  public static let batches = 1...1_000_000
  /// Pairs of tokens in one run's attention: what is summed over them fits in an `Int`.
  public static let mostPairs = 100_000_000_000_000_000

  /// Refuses sizes whose products would overflow, or that no device computes in a lifetime.
  ///
  /// - Throws: `InputError` that names them all.
  public static func requireSane(
    depth: Int, prompt: Int, generate: Int, batch: Int
  ) throws {
    guard batches.contains(batch) else {
      throw InputError(
        "batch", problem: "is \(batch)",
        expected: "\(batches.lowerBound) to \(batches.upperBound)")
    }
    let length = Double(depth) + Double(prompt) + Double(generate)
    guard arePairsSane(length: length, batch: batch) else {
      throw InputError(
        "batch \(batch) of \(Int(length)) tokens", problem: "is too large",
        expected: "batch × tokens² of at most \(mostPairs)")
    }
  }

  /// Whether a batch of sequences of so many positions is computed within a lifetime.
  public static func areSane(length: Int, batch: Int) -> Bool {
    batches.contains(batch) && arePairsSane(length: Double(length), batch: batch)
  }

  private static func arePairsSane(length: Double, batch: Int) -> Bool {
    Double(batch) * length * length <= Double(mostPairs)
  }

  public var decodeSteps: Int { prompt > 0 ? max(0, generate - 1) : generate }
}
