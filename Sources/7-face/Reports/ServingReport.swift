import CostModel
import Foundation
import Model
import Records
import Requests
import Serving

/// Predictions of a server under loads, as a table or as JSON: one entry a load.
public struct ServingReport {
  /// A load and what came of it.
  public struct Entry {
    public var predictor: ServingPredictor
    public var outcome: ServingOutcome
    public var load: String
    public var concurrency: Int?
    public var rate: Double?
    public var lengths: LengthDistribution?
    /// Under the service level that was asked for.
    public var highestRate: ServingPredictor.RateUnderLevel?

    public init(
      _ predictor: ServingPredictor, _ outcome: ServingOutcome, load: String,
      concurrency: Int? = nil, rate: Double? = nil, lengths: LengthDistribution? = nil,
      highestRate: ServingPredictor.RateUnderLevel? = nil
    ) {
      self.predictor = predictor
      self.outcome = outcome
      self.load = load
      self.concurrency = concurrency
      self.rate = rate
      self.lengths = lengths
      self.highestRate = highestRate
    }
  }

  private let entries: [Entry]
  private let device: String
  private let engine: String
  private let rung: Rung
  private let settings: Predictor.Settings
  private let level: ServiceLevel?
  /// Of one device.
  private let price: HourlyPrice?
  private let intervals: ServingIntervals
  private let power: DevicePower?

  public init(
    _ entries: [Entry], _ predictor: Predictor, level: ServiceLevel?, price: HourlyPrice?
  ) {
    self.entries = entries
    device = predictor.profile.name
    engine = predictor.engine.name
    rung = predictor.operatorRung(for: entries.map(\.predictor.architecture))
    settings = predictor.settings
    self.level = level
    self.price = price
    intervals = ServingIntervals(predictor, for: entries.map(\.predictor.architecture))
    power = DevicePower(device: predictor.profile.name)
  }

  // MARK: Table

  public func table() -> String {
    var columns: [(String, Table.Alignment)] = [
      ("architecture", .left), ("load", .left), ("TTFT mean", .right), ("90% interval", .right),
      ("p99", .right), ("TPOT mean", .right), ("90% interval", .right), ("p99", .right),
      ("latency p99", .right), ("output tok/s", .right), ("memory", .right),
    ]
    if level != nil { columns.append(("goodput", .right)) }
    if price != nil { columns.append(("per M tokens", .right)) }
    if power != nil { columns.append(("J/token", .right)) }
    var table = Table(columns, dispensable: ["90% interval", "p99", "latency p99", "memory"])
    for entry in entries {
      let outcome = entry.outcome
      let (first, rest) = (outcome.timeToFirstToken, outcome.timePerOutputToken)
      var cells = [
        entry.predictor.architecture.name, entry.load, Quantity.seconds(first.mean),
        Self.interval(first.mean, intervals.timeToFirstToken), Quantity.seconds(first.p99),
        Quantity.seconds(rest.mean), Self.interval(rest.mean, intervals.timePerOutputToken),
        Quantity.seconds(rest.p99), Quantity.seconds(outcome.latency.p99),
        Quantity.number(outcome.outputTokensPerSecond),
        Quantity.bytes(entry.predictor.peakBytes(outcome)),
      ]
      if let level { cells.append("\(Quantity.number(outcome.goodput(level)))/s") }
      if price != nil {
        cells.append(Quantity.number(cost(outcome, outcome.outputTokensPerSecond)!))
      }
      if power != nil { cells.append(Quantity.number(energy(outcome)!)) }
      table.add(cells)
    }
    var text = table.rendered() + "\n\n"
    text +=
      "\(device) under \(engine), \(settings.tensorParallel) "
      + (settings.tensorParallel == 1 ? "device" : "devices")
      + ". Operators: \(rung.words). Host constants: \(entries[0].predictor.setup.origin). "
      + "Intervals: the 90% quantile of errors on measured runs under such engines"
      + (intervals.unchecked.isEmpty
        ? "." : ", wider for what none was of: \(intervals.unchecked.words).")
    for entry in entries {
      let causes = entry.outcome.causes
      func share(_ part: Double) -> String { Quantity.percent(part / causes.total) }
      text +=
        "\n\(entry.predictor.architecture.name), \(entry.load): of a request's time "
        + "\(share(causes.queue)) is waiting, \(share(causes.prefill)) steps with prompts, "
        + "\(share(causes.decode)) decoding, \(share(causes.collectives)) between devices, "
        + "\(share(causes.host)) host."
      if entry.outcome.preemptions > 0 {
        text += " \(entry.outcome.preemptions) sequences were dropped and computed again."
      }
    }
    for line in highestRates { text += "\n" + line }
    if let power {
      text +=
        "\nEnergy is nominal: \(Quantity.number(power.busy)) W a device while steps run "
        + "(\(power.source)), a tenth of it (assumed) between them."
    }
    return text
  }

  /// A line an architecture: loads of one often share it.
  private var highestRates: [String] {
    guard let level else { return [] }
    var lines: [String] = []
    for entry in entries {
      guard let found = entry.highestRate else { continue }
      var line = "\(entry.predictor.architecture.name): "
      if let rate = found.rate {
        line += "the service level holds up to \(Quantity.number(rate)) requests/s."
      } else {
        line +=
          "no rate meets the service level: nearest, alone, a request takes "
          + "\(Quantity.seconds(found.outcome.timeToFirstToken.p90)) to its first token and "
          + "\(Quantity.seconds(found.outcome.timePerOutputToken.p90)) a token (p90), "
          + "\(Quantity.number(found.outcome.excess(level))) times what is allowed."
      }
      if !lines.contains(line) { lines.append(line) }
    }
    return lines
  }

  private static func interval(_ value: Double, _ spread: Double) -> String {
    "[\(Quantity.seconds(value * exp(-spread))), \(Quantity.seconds(value * exp(spread)))]"
  }

  /// Of a million tokens, in the price's currency.
  private func cost(_ outcome: ServingOutcome, _ tokensPerSecond: Double) -> Double? {
    price?.perMillionTokens(tokensPerSecond, devices: settings.tensorParallel)
  }

  /// Joules an output token.
  private func energy(_ outcome: ServingOutcome) -> Double? {
    let tokens = outcome.outputTokensPerSecond * outcome.seconds
    return power.map { $0.joules(outcome, devices: settings.tensorParallel) / tokens }
  }

  // MARK: JSON

  public func json() throws -> String {
    try JSONText.encode(entries.map(encoded))
  }

  private struct Encoded: Encodable {
    struct Intervals: Encodable {
      let ttftS: [Double]
      let tpotS: [Double]
      let itlS: [Double]
      let latencyS: [Double]
      let outputTokensPerSecond: [Double]
      let totalTokensPerSecond: [Double]
      let costPerMillionOutputTokens: [Double]?
      let energyJoulesPerOutputToken: [Double]?
    }
    struct Level: Encodable {
      let attainment: Double
      let goodputRequestsPerSecond: Double
      let highestRequestsPerSecond: Double?
      /// How far the nearest point is from meeting it, where nothing does.
      let nearestExcess: Double?
      let nearestTtftS: Distribution?
      let nearestTpotS: Distribution?
    }
    struct Power: Encodable {
      let busyWatts: Double
      let idleWatts: Double
      let source: String
    }

    let architecture: String
    let device: String
    let engine: String
    let policy: String
    let tensorParallel: Int
    let load: String
    let concurrency: Int?
    let rate: Double?
    let prompt: Int?
    let generate: Int?
    let slo: Level?
    let costPerMillionOutputTokens: Double?
    let costPerMillionTokens: Double?
    let energyJoulesPerOutputToken: Double?
    let power: Power?
    let peakMemoryBytes: Double
    let cacheShare: Double
    let preemptions: Int
    let interval90: Intervals
    /// What no measured run was of, and the intervals are wider by.
    let intervalUnchecked: [String]
    let operatorRung: String
    let hostConstants: HostConstants
    let hostConstantsFrom: String
  }

  private func encoded(_ entry: Entry) -> Flattened {
    let outcome = entry.outcome
    func interval(_ value: Double, _ spread: Double) -> [Double] {
      [value * exp(-spread), value * exp(spread)]
    }
    let (first, rest) = (outcome.timeToFirstToken, outcome.timePerOutputToken)
    let price = cost(outcome, outcome.outputTokensPerSecond)
    let joules = energy(outcome)
    let latency = outcome.latency
    // A request is its first token and the others: their intervals, by their parts.
    let firstShare = latency.mean > 0 ? first.mean / latency.mean : 0
    let latencySpread =
      intervals.timeToFirstToken * firstShare + intervals.timePerOutputToken * (1 - firstShare)
    let prediction = Encoded(
      architecture: entry.predictor.architecture.name, device: device, engine: engine,
      policy: entry.predictor.setup.policy.rawValue, tensorParallel: settings.tensorParallel,
      load: entry.load, concurrency: entry.concurrency, rate: entry.rate,
      prompt: entry.lengths?.input, generate: entry.lengths?.output,
      slo: level.map { level in
        let nearest = entry.highestRate.flatMap { $0.rate == nil ? $0.outcome : nil }
        return Encoded.Level(
          attainment: outcome.attainment(level), goodputRequestsPerSecond: outcome.goodput(level),
          highestRequestsPerSecond: entry.highestRate?.rate,
          nearestExcess: nearest?.excess(level), nearestTtftS: nearest?.timeToFirstToken,
          nearestTpotS: nearest?.timePerOutputToken)
      },
      costPerMillionOutputTokens: price,
      costPerMillionTokens: cost(outcome, outcome.totalTokensPerSecond),
      energyJoulesPerOutputToken: joules,
      power: power.map { Encoded.Power(busyWatts: $0.busy, idleWatts: $0.idle, source: $0.source) },
      peakMemoryBytes: entry.predictor.peakBytes(outcome), cacheShare: outcome.cacheShare,
      preemptions: outcome.preemptions,
      interval90: Encoded.Intervals(
        ttftS: interval(first.mean, intervals.timeToFirstToken),
        tpotS: interval(rest.mean, intervals.timePerOutputToken),
        itlS: interval(outcome.interTokenLatency.mean, intervals.timePerOutputToken),
        latencyS: interval(latency.mean, latencySpread),
        outputTokensPerSecond: interval(outcome.outputTokensPerSecond, intervals.throughput),
        totalTokensPerSecond: interval(outcome.totalTokensPerSecond, intervals.throughput),
        costPerMillionOutputTokens: price.map { interval($0, intervals.throughput) },
        energyJoulesPerOutputToken: joules.map { interval($0, intervals.throughput) }),
      intervalUnchecked: intervals.unchecked.map(\.words),
      operatorRung: rung.rawValue, hostConstants: entry.predictor.setup.host,
      hostConstantsFrom: entry.predictor.setup.origin)
    return Flattened(figures: ServingFigures(outcome), others: prediction)
  }

  /// Both in one object.
  private struct Flattened: Encodable {
    let figures: ServingFigures
    let others: Encoded

    func encode(to encoder: any Encoder) throws {
      try figures.encode(to: encoder)
      try others.encode(to: encoder)
    }
  }
}

extension [ServingIntervals.Unchecked] {
  fileprivate var words: String { map(\.words).joined(separator: ", ") }
}

extension ServingIntervals.Unchecked {
  fileprivate var words: String {
    switch self {
    case .storage(let weights): "\(weights) weights"
    case .devices(let count): "\(count) devices"
    case .experts: "mixtures of experts"
    }
  }
}
