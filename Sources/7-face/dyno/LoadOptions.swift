import ArgumentParser
import CostModel
import Foundation
import Input
import Model
import Reports
import Requests
import Serving

/// How `dyno predict` is asked for a server under load instead of a static batch.
struct LoadOptions: ParsableArguments {
  @Option(
    help: "Clients that each send a request when their last one has ended, comma-separated.")
  var concurrency: CountList?

  @Option(help: "Requests a second, as Poisson arrivals: 2/s.")
  var rate: RequestRate?

  @Option(
    help: "A file of requests, CSV or JSON Lines: arrival, input, output, or Azure's columns.",
    completion: .file())
  var trace: String?

  @Option(
    help: "Requests of a load that is no trace. Default: 10 for each client, 1000 at a rate.")
  var requests: Int?

  @Option(help: "So many of them are served first and not counted.")
  var warmUp = 0

  @Option(help: "Lengths are uniform between this share of --workload and all of it.")
  var lengthRange = 1.0

  @Option(help: "Shape of the gamma-distributed times between arrivals; less than 1: bursts.")
  var burstiness = 1.0

  @Option(help: "What clients are promised: ttft=500ms,tpot=30ms,latency=10s, any of them.")
  var slo: ServiceLevel?

  @Option(help: "Price of a device: 2.5/h.")
  var price: HourlyPrice?

  @Option(help: "Most sequences at once. Default: the engine's.")
  var maxSequences: Int?

  @Option(help: "Most tokens of a step. Default: the engine's.")
  var maxStepTokens: Int?

  @Option(
    help: "Host constants of the engine, as dyno calibrate --serving writes them.",
    completion: .file())
  var hostConstants: String?

  @Option(help: "Seed of lengths and arrivals.")
  var seed: UInt64 = 0

  var isAsked: Bool { concurrency != nil || rate != nil || trace != nil }

  func validate() throws {
    let loads = [concurrency != nil, rate != nil, trace != nil].count { $0 }
    guard loads <= 1 else {
      throw ValidationError("--concurrency, --rate and --trace are three loads; give one")
    }
    let ofLoads = [
      ("--requests", requests != nil), ("--warm-up", warmUp != 0),
      ("--length-range", lengthRange != 1), ("--burstiness", burstiness != 1),
      ("--slo", slo != nil), ("--price", price != nil), ("--max-sequences", maxSequences != nil),
      ("--max-step-tokens", maxStepTokens != nil), ("--host-constants", hostConstants != nil),
    ].filter { $0.1 }.map { $0.0 }
    guard isAsked || ofLoads.isEmpty else {
      throw ValidationError(
        "\(ofLoads.joined(separator: ", ")): of a load; give --concurrency, --rate or --trace")
    }
    let ofLengths = ofLoads.filter { ["--requests", "--length-range"].contains($0) }
    guard trace == nil || ofLengths.isEmpty else {
      throw ValidationError("\(ofLengths.joined(separator: ", ")): a trace says that itself")
    }
    guard burstiness == 1 || rate != nil else {
      throw ValidationError("--burstiness: of arrivals; give --rate")
    }
  }

  func report(
    _ architectures: [Architecture], _ predictor: Predictor, _ workload: WorkloadShape
  ) throws -> ServingReport {
    var setup = ServingSetup(predictor.engine)
    setup.mostSequences = try maxSequences.map { try positive("--max-sequences", $0) }
    setup.stepTokens = try maxStepTokens.map { try positive("--max-step-tokens", $0) }
    if let hostConstants {
      let file = try HostConstantsFile(contentsOf: hostConstants)
      guard file.engine == predictor.engine.name else {
        throw InputError(
          hostConstants, problem: "is of \(file.engine)", expected: predictor.engine.name)
      }
      (setup.host, setup.origin) = (file.constants, file.origin)
    }
    let warmUp = try nonNegative("--warm-up", warmUp)
    var entries: [ServingReport.Entry] = []
    for architecture in architectures {
      if let trace {
        entries.append(try traced(architecture, predictor, setup, trace, warmUp))
        continue
      }
      let lengths = try LengthDistribution(
        input: workload.prompt, output: workload.generate, least: lengthRange)
      if let rate {
        let served = try ServingPredictor(
          predictor, architecture, setup, longest: (lengths.input, lengths.output))
        let asked = lengths.requests(try count(1000), seed: seed)
        let process = try ArrivalProcess(rate: rate.perSecond, burstiness: burstiness)
        try served.check(rate.perSecond, asked)
        let outcome = try served.run(process.timed(asked, seed: seed), .open, warmUp: warmUp)
        entries.append(
          .init(
            served, outcome, load: "\(Quantity.number(rate.perSecond))/s", rate: rate.perSecond,
            lengths: lengths, highestRate: try highest(served, asked)))
        continue
      }
      // Rates are of the server as it is started for any load, not for so many clients.
      let found = try slo.flatMap { _ in
        try highest(
          ServingPredictor(
            predictor, architecture, setup, longest: (lengths.input, lengths.output)),
          lengths.requests(2048, seed: seed))
      }
      for clients in concurrency?.values ?? [] {
        _ = try positive("--concurrency", clients)
        let served = try ServingPredictor(
          predictor, architecture, setup, longest: (lengths.input, lengths.output),
          concurrency: clients)
        let asked = lengths.requests(try count(min(10 * clients, 100_000)), seed: seed)
        let outcome = try served.run(asked, .closedLoop(concurrency: clients), warmUp: warmUp)
        entries.append(
          .init(
            served, outcome, load: "concurrency \(clients)", concurrency: clients,
            lengths: lengths, highestRate: found))
      }
    }
    return ServingReport(
      entries, predictor, level: slo, price: price)
  }

  /// Requests of a load: as many as were asked for.
  private func count(_ usual: Int) throws -> Int {
    guard let requests else { return usual }
    try ServingRequest.check(count: requests)
    return requests
  }

  private func traced(
    _ architecture: Architecture, _ predictor: Predictor, _ setup: ServingSetup, _ path: String,
    _ warmUp: Int
  ) throws -> ServingReport.Entry {
    let requests = try RequestTrace.requests(at: path)
    let longest = requests.max { $0.input + $0.output < $1.input + $1.output }!
    let prompt = requests.map(\.input).max()!
    try within(path) { try architecture.check(positions: longest.input + longest.output) }
    let served = try ServingPredictor(
      predictor, architecture, setup,
      longest: (prompt, max(1, longest.input + longest.output - prompt)))
    let outcome = try within(path) { try served.run(requests, .open, warmUp: warmUp) }
    return ServingReport.Entry(
      served, outcome, load: "trace", highestRate: try highest(served, requests))
  }

  private func highest(
    _ served: ServingPredictor, _ requests: [ServingRequest]
  ) throws -> ServingPredictor.RateUnderLevel? {
    try slo.map { try served.highestRate(under: $0, requests, seed: seed) }
  }
}

extension RequestRate: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
}

extension HourlyPrice: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
}

extension ServiceLevel: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { [expected] }
}
