/// What is said of a load wherever it is said: predictions and measurements have these keys in common.
///
/// Seconds; tokens and requests a second. Written in snake_case (`ttft_s`).
public struct ServingFigures: Codable, Sendable, Equatable {
  /// Shares of the requests' time from sending to their last token, by what went on.
  public struct Shares: Codable, Sendable, Equatable {
    public let queue: Double
    public let prefill: Double
    public let decode: Double
    public let host: Double
    public let collectives: Double
  }

  /// Requests that count.
  public let requests: Int
  public let ttftS: Distribution
  public let tpotS: Distribution
  public let itlS: Distribution
  public let latencyS: Distribution
  public let outputTokensPerSecond: Double
  public let totalTokensPerSecond: Double
  public let requestsPerSecond: Double
  public let timeShares: Shares
  public let mostSequences: Int
  /// The warm-up's included.
  public let steps: Int

  public init(_ outcome: ServingOutcome) {
    let causes = outcome.causes
    requests = outcome.requests.count
    ttftS = outcome.timeToFirstToken
    tpotS = outcome.timePerOutputToken
    itlS = outcome.interTokenLatency
    latencyS = outcome.latency
    outputTokensPerSecond = outcome.outputTokensPerSecond
    totalTokensPerSecond = outcome.totalTokensPerSecond
    requestsPerSecond = outcome.requestsPerSecond
    timeShares = Shares(
      queue: causes.queue / causes.total, prefill: causes.prefill / causes.total,
      decode: causes.decode / causes.total, host: causes.host / causes.total,
      collectives: causes.collectives / causes.total)
    mostSequences = outcome.mostSequences
    steps = outcome.steps
  }
}
