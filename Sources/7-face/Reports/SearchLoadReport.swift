import Requests
import Search
import Serving

/// What a search under load adds to its report.
enum SearchLoadReport {
  // MARK: For people

  static func columns(_ problem: SearchProblem) -> [(String, Table.Alignment)] {
    guard problem.hasLoads else { return [] }
    var columns: [(String, Table.Alignment)] = [
      ("requests/s", .right), ("TTFT p90", .right), ("TPOT p90", .right), ("latency", .right),
    ]
    if hasPrices(problem) { columns.append(("per M tokens", .right)) }
    return columns
  }

  /// One value a scenario; `–` of those without a load.
  static func cells(_ problem: SearchProblem, _ candidate: SearchCandidate) -> [String] {
    guard problem.hasLoads else { return [] }
    func cell(_ text: (LoadOutcome) -> String?) -> String {
      candidate.served.map { $0.load.flatMap(text) ?? "–" }.joined(separator: ", ")
    }
    var cells = [
      cell { Quantity.number($0.requestsPerSecond) + ($0.meetsLevel ? "" : " (missed)") },
      cell { Quantity.seconds($0.timeToFirstToken.p90) },
      cell { Quantity.seconds($0.timePerOutputToken.p90) },
      cell { Quantity.seconds($0.latency.mean) },
    ]
    if hasPrices(problem) {
      cells.append(cell { $0.costPerMillionOutputTokens.map { Quantity.number($0) } })
    }
    return cells
  }

  private static func hasPrices(_ problem: SearchProblem) -> Bool {
    problem.scenarios.contains { $0.load?.price != nil }
  }

  static func notes(_ result: ArchitectureSearch.Result) -> [String] {
    guard let simulation = result.simulation else { return [] }
    let loads = result.problem.scenarios.compactMap(\.load)
    let agreement = simulation.rankCorrelation.map {
      "; closed form and simulation rank them alike to \(Quantity.number($0, digits: 2)) (Spearman)"
    }
    var notes = [
      "Ranked by \(Set(loads.map(\.objective.words)).sorted().joined(separator: ", ")): "
        + "\(simulation.simulated) of the \(simulation.leading) candidates that lead in closed form were "
        + "simulated"
        + (loads.contains { $0.level != nil }
          ? ", and \(simulation.met) of these meet the service level" : "")
        + (agreement ?? "") + "; their ratio varies by \(Quantity.percent(simulation.deviation)). "
        + (simulation.isSettled
          ? "No other is expected to be ahead." : "Others may be ahead by as much.")
    ]
    notes.append(
      "Fronts are of the closed form. Chances and intervals of gains are of static batches.")
    if !result.baseline.meetsLevels {
      notes.append(
        "\(result.problem.baseline.name) misses the service level, so no gain over it is stated.")
    }
    return notes
  }

  // MARK: For programs

  struct Demand: Encodable {
    let concurrency: Int?
    let rate: Double?
    let slo: String?
    let pricePerHour: Double?
    let objective: String

    init(_ load: ScenarioLoad) {
      var (concurrency, rate): (Int?, Double?)
      switch load.demand {
      case .closedLoop(let clients): concurrency = clients
      case .rate(let asked): rate = asked
      case .highestRate: break
      }
      (self.concurrency, self.rate) = (concurrency, rate)
      slo = load.level?.description
      pricePerHour = load.price?.perHour
      objective = load.objective.rawValue
    }
  }

  struct Load: Encodable {
    let requestsPerSecond: Double
    let outputTokensPerSecond: Double
    let ttftS: Distribution
    let tpotS: Distribution
    let latencyS: Distribution
    let attainment: Double?
    let meetsSlo: Bool
    let costPerMillionOutputTokens: Double?

    init(_ outcome: LoadOutcome) {
      requestsPerSecond = outcome.requestsPerSecond
      outputTokensPerSecond = outcome.outputTokensPerSecond
      ttftS = outcome.timeToFirstToken
      tpotS = outcome.timePerOutputToken
      latencyS = outcome.latency
      attainment = outcome.attainment
      meetsSlo = outcome.meetsLevel
      costPerMillionOutputTokens = outcome.costPerMillionOutputTokens
    }
  }

  struct Simulation: Encodable {
    let simulated: Int
    let leading: Int
    let met: Int
    let rankCorrelation: Double?
    let deviation: Double
    let settled: Bool

    init(_ summary: LoadRanking.Summary) {
      simulated = summary.simulated
      leading = summary.leading
      met = summary.met
      rankCorrelation = summary.rankCorrelation
      deviation = summary.deviation
      settled = summary.isSettled
    }
  }
}

extension ScenarioLoad.Objective {
  fileprivate var words: String {
    switch self {
    case .throughput: "output tokens a second"
    case .rate: "the highest rate under the service level"
    case .cost: "cost of a million output tokens"
    case .latency: "mean latency"
    }
  }
}
