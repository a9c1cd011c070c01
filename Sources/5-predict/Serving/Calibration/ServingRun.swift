import Input
import Requests

/// A measured closed loop: what its clients saw on average.
public struct ServingRun: Hashable, Sendable {
  /// As its source names them; empty where it does not.
  public var engine: String
  public var version: String
  public var model: String
  public var device: String
  /// Storage of weights: `bf16`, `fp8`, …; empty where it is not named.
  public var weights: String
  public var tensorParallel: Int
  /// Groups of these devices over which experts are dealt.
  public var expertParallel: Int
  public var input: Int
  public var output: Int
  public var concurrency: Int
  public var requests: Int
  /// Lengths are uniform between this share of the ones above and all of them.
  public var least: Double
  /// Means, in seconds.
  public var timeToFirstToken: Double
  public var timePerOutputToken: Double
  /// File and line.
  public var origin: String

  public init(
    engine: String, version: String = "", model: String, device: String, weights: String,
    tensorParallel: Int, expertParallel: Int = 1, input: Int, output: Int, concurrency: Int,
    requests: Int? = nil,
    least: Double = 1, timeToFirstToken: Double, timePerOutputToken: Double, origin: String
  ) throws {
    func check(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws {
      guard range.contains(value) else {
        throw InputError(
          field, problem: "is \(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("input", input, 1...(1 << 22))
    try check("output", output, 2...(1 << 22))
    try check("concurrency", concurrency, 1...65_536)
    try check("tensor_parallel", tensorParallel, 1...1024)
    try check("expert_parallel", expertParallel, 1...tensorParallel)
    let requests = requests ?? 10 * concurrency
    try ServingRequest.check(count: requests)
    guard requests * output <= Self.mostTokens else {
      throw InputError(
        "requests", problem: "\(requests) of \(output) tokens each",
        expected: "at most \(Self.mostTokens) tokens in all")
    }
    for (field, value) in [("ttft", timeToFirstToken), ("tpot", timePerOutputToken)] {
      guard value.isFinite, value > 1e-6, value < 1e5 else {
        throw InputError(field, problem: "is \(value) s", expected: "seconds, more than 0")
      }
    }
    self.engine = engine
    self.version = version
    self.model = model
    self.device = device
    self.weights = weights
    self.tensorParallel = tensorParallel
    self.expertParallel = expertParallel
    self.input = input
    self.output = output
    self.concurrency = concurrency
    self.requests = requests
    self.least = least
    self.timeToFirstToken = timeToFirstToken
    self.timePerOutputToken = timePerOutputToken
    self.origin = origin
  }

  /// A fit simulates each of them some forty times: half a minute each at this many.
  private static let mostTokens = 1 << 28

  /// Runs that were labelled together.
  public var series: String { "\(engine) \(version), \(model), \(device)" }

  /// Requests a second, by Little's law.
  public var requestsPerSecond: Double {
    Double(concurrency) / (timeToFirstToken + Double(output - 1) * timePerOutputToken)
  }
}

/// Runs whose numbers contradict the datasheet, told without asking any model.
public enum ServingRunRule {
  /// Of a device's peak, end to end. The busiest runs that nothing speaks against reach half.
  public static let mostOfPeak = 0.7

  /// Share of the devices' peak that a run's matrix multiplications need: two operations a parameter and
  /// token, at the requests that it ends a second.
  public static func shareOfPeak(_ run: ServingRun, parameters: Int, peak: Double) -> Double {
    let tokens = run.requestsPerSecond * Double(run.input + run.output)
    return 2 * Double(parameters) * tokens / (peak * Double(run.tensorParallel))
  }

  /// Series with a run beyond the limit: a label is wrong for all that bear it.
  public static func implausible(
    _ runs: [(run: ServingRun, share: Double)]
  ) -> [String: Double] {
    var worst: [String: Double] = [:]
    for (run, share) in runs where share > mostOfPeak {
      worst[run.series] = max(worst[run.series] ?? 0, share)
    }
    return worst
  }
}
