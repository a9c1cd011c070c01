/// What the clients of a server saw, simulated or measured.
public struct ServingOutcome: Sendable {
  /// A request as its client saw it, in seconds.
  public struct Served: Sendable, Equatable {
    public var input: Int
    public var output: Int
    public var sent: Double
    public var firstToken: Double
    public var lastToken: Double

    public init(
      input: Int, output: Int, sent: Double, firstToken: Double, lastToken: Double
    ) {
      self.input = input
      self.output = output
      self.sent = sent
      self.firstToken = firstToken
      self.lastToken = lastToken
    }

    public var timeToFirstToken: Double { firstToken - sent }
    public var latency: Double { lastToken - sent }
    /// Between its tokens; `nil` of a single one.
    public var timePerOutputToken: Double? {
      output > 1 ? (lastToken - firstToken) / Double(output - 1) : nil
    }
  }

  /// Seconds of all requests' time from sending to the last token, by what went on.
  public struct Causes: Sendable, Equatable {
    public var queue = 0.0
    /// Device work of steps that hold prompts.
    public var prefill = 0.0
    public var decode = 0.0
    public var host = 0.0
    public var collectives = 0.0

    public init() {}

    public var total: Double { queue + prefill + decode + host + collectives }
  }

  /// Those that count, in order of sending: without the warm-up.
  public package(set) var requests: [Served] = []
  /// Gaps between tokens, and how many tokens each stands for.
  package var gaps: [(value: Double, count: Int)] = []
  public package(set) var causes = Causes()
  /// From the first request's sending to the last token, the warm-up left out.
  public package(set) var seconds = 0.0
  /// Of these, the device and its host worked on steps.
  public package(set) var busySeconds = 0.0
  public package(set) var steps = 0
  /// Tokens that steps made or read: one for each decoding sequence and each prompt's token.
  public package(set) var tokenSteps = 0
  public package(set) var preemptions = 0
  public package(set) var mostSequences = 0
  /// Share of a simulated cache that was in use at most.
  public package(set) var cacheShare = 0.0

  package init() {}

  public var timeToFirstToken: Distribution { Distribution(requests.map(\.timeToFirstToken)) }
  /// Over requests of more than one token.
  public var timePerOutputToken: Distribution {
    Distribution(requests.compactMap(\.timePerOutputToken))
  }
  public var interTokenLatency: Distribution { Distribution(weighted: gaps) }
  public var latency: Distribution { Distribution(requests.map(\.latency)) }

  public var outputTokensPerSecond: Double { rate { Double($0.output) } }
  public var totalTokensPerSecond: Double { rate { Double($0.input + $0.output) } }
  public var requestsPerSecond: Double { rate { _ in 1 } }

  private func rate(_ amount: (Served) -> Double) -> Double {
    seconds > 0 ? requests.reduce(0) { $0 + amount($1) } / seconds : 0
  }
}

extension ServingOutcome {
  /// Runs of one load as one: their requests together, their seconds one after another.
  package init(joining runs: [ServingOutcome]) {
    self.init()
    for run in runs {
      requests += run.requests
      gaps += run.gaps
      causes.queue += run.causes.queue
      causes.prefill += run.causes.prefill
      causes.decode += run.causes.decode
      causes.host += run.causes.host
      causes.collectives += run.causes.collectives
      seconds += run.seconds
      busySeconds += run.busySeconds
      steps += run.steps
      tokenSteps += run.tokenSteps
      preemptions += run.preemptions
      mostSequences = max(mostSequences, run.mostSequences)
      cacheShare = max(cacheShare, run.cacheShare)
    }
  }
}
