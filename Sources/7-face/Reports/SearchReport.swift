import CostModel
import Foundation
import Input
import Model
import ScalingLaws
import Search

/// What `dyno search` found, as a table or as JSON.
public struct SearchReport {
  private let result: ArchitectureSearch.Result
  private let verification: ClosedLoopReport?

  /// - Parameter verified: what the closed loop found, where one was run.
  public init(_ result: ArchitectureSearch.Result, verified: ClosedLoop.Outcome? = nil) {
    self.result = result
    verification = verified.map {
      ClosedLoopReport(
        $0, baseline: result.problem.baseline, isBaselineOfSize: result.problem.isBaselineOfSize)
    }
  }

  private var problem: SearchProblem { result.problem }

  // MARK: For people

  public var table: String {
    var parts = [
      summary, candidates.rendered(), ([Self.legend] + notes).joined(separator: "\n"),
    ]
    if result.gqaVariants.count > 1 { parts.append(heads) }
    parts.append("\(quantity.capitalised) against throughput:\n" + front(result.front).rendered())
    for (kind, points) in [
      ("memory", result.memoryFront), ("time to the first token", result.ttftFront),
    ] where !points.isEmpty {
      parts.append("\(quantity.capitalised) against \(kind):\n" + front(points).rendered())
    }
    if let verification { parts.append("Measured on this machine:\n" + verification.table) }
    return parts.joined(separator: "\n\n")
  }

  private var summary: String {
    let space = problem.space
    return """
      N = \(Quantity.count(space.parameters))\(budget) ± \(Quantity.percent(space.tolerance)), \
      \(space.layers.map(String.init).joined(separator: ", ")) layers: \(result.enumerated) \
      architectures, \(result.withinTarget) with a \(quantity.words) up to \(Self.loss(result.targetLoss)) \
      (\(problem.targetName)); least \(Self.loss(result.leastLoss)). \
      \(Quantity.count(Double(result.enumerated) / result.seconds)) a second.
      """
  }

  /// Whether some candidate may have experts.
  private var hasExperts: Bool { problem.space.hasExperts }

  /// What N counts, where that makes a difference.
  private var budget: String { hasExperts ? " \(problem.space.budget)" : "" }

  private var quantity: LossPrediction.Quantity { problem.predictor.quantity }

  /// A gain over another size of model is none.
  private func gain(_ logGain: Double) -> String {
    result.statesGains ? Self.gain(logGain) : "–"
  }

  /// Of the table's letters.
  private static let legend =
    "d: hidden size; f: MLP width; L: layers; H: query heads; K: KV heads; e: head width; "
    + "r: MLP over attention parameters."

  /// What narrow pages go without, the first of these first.
  private var dispensable: [String] {
    var titles = ["total", "d/√N", "r", "N", "e", "active", "memory", "90% interval"]
    // Chances are of static batches.
    if problem.hasLoads { titles += ["P(faster)", "latency", "TPOT p90", "TTFT p90", "tok/s"] }
    return titles + [quantity.words]
  }

  private var candidates: Table {
    // In what layers differ, after the sizes, where the search varies it.
    let hasPatterns = problem.space.axes.areGiven
    var columns: [(String, Table.Alignment)] = [
      ("", .left), ("d", .right), ("f", .right), ("L", .right), ("H", .right), ("K", .right),
      ("e", .right),
    ]
    if hasPatterns { columns.append(("layers", .left)) }
    if hasExperts { columns.append(("experts", .left)) }
    columns.append(("N", .right))
    if hasExperts { columns.append(("active", .right)) }
    columns += [
      ("total", .right), ("r", .right), ("d/√N", .right), (quantity.words, .right),
      ("P(target)", .right), ("memory", .right), ("tok/s", .right),
      ("90% interval", .right),
    ]
    columns += SearchLoadReport.columns(problem)
    columns += [("gain", .right), ("90% interval", .right), ("P(faster)", .right)]
    var table = Table(columns, dispensable: dispensable)
    func add(_ mark: String, _ candidate: SearchCandidate) {
      let shape = candidate.shape
      var cells = [
        mark, "\(shape.hiddenSize)", "\(shape.intermediateSize)", "\(shape.layers)",
        "\(shape.queryHeads)", "\(shape.keyValueHeads)", "\(shape.headDimension)",
      ]
      if hasPatterns { cells.append(shape.pattern.words.joined(separator: " ")) }
      if hasExperts { cells.append(Self.experts(shape.mixture)) }
      cells.append(Quantity.count(Double(shape.parameters)))
      if hasExperts { cells.append(Quantity.count(Double(shape.activeParameters))) }
      cells +=
        [
          Quantity.count(Double(candidate.architecture.parameters.total)),
          Quantity.number(shape.mlpToAttentionRatio, digits: 3),
          Quantity.number(shape.normalizedHiddenSize, digits: 3),
          candidate.isOfSize ? Self.loss(candidate.loss.value) : "–",
          candidate.probabilityMeetsTarget.map { Quantity.probability($0) } ?? "–",
          Quantity.bytes(candidate.served.map(\.prediction.peakMemoryBytes).max() ?? 0),
          candidate.served.map { Quantity.number($0.outputTokensPerSecond) }
            .joined(separator: ", "),
          candidate.served.map { Self.interval($0.outputTokensPerSecond, $0.spread) }
            .joined(separator: ", "),
        ]
      cells += SearchLoadReport.cells(problem, candidate)
      cells +=
        [
          gain(candidate.logGain),
          result.statesGains
            ? Self.interval(around: candidate.logGain, candidate.logGainDeviation) : "–",
          result.statesGains
            ? Quantity.probability(candidate.probabilityBeatsBaseline) : "–",
        ]
      table.add(cells)
    }
    for (index, candidate) in result.candidates.enumerated() {
      add("\(index + 1)\(candidate.isTied ? " =" : "")", candidate)
    }
    add(problem.baseline.name, result.baseline)
    return table
  }

  private var notes: [String] {
    var notes: [String] = []
    if !problem.isBaselineOfSize {
      notes.append(
        "\(problem.baseline.name) has "
          + "\(Quantity.count(Double(problem.baseline.parameters.count(problem.space.budget))))\(budget) "
          + "parameters, not \(Quantity.count(problem.space.parameters)): losses are those at that "
          + "size, and a gain over another size says nothing of a shape, so neither is stated. A "
          + "baseline within 10% gives both.")
    }
    notes.append(
      "=: within noise of the fastest (\(result.tied) of \(result.examined) examined); of these, what "
        + "leaves the fitted ranges least comes first.")
    if problem.scenarios.count > 1 {
      let names = problem.scenarios.map(\.name).joined(separator: "; ")
      notes.append("Gain: \(problem.combination.rawValue) of \(names).")
    } else {
      notes.append("Throughput: \(problem.scenarios[0].name).")
    }
    notes += SearchLoadReport.notes(result)
    if result.candidates.contains(where: { !$0.isGQAVerified }) {
      notes.append(
        "The law is blind to GQA: a GQA other than the baseline's "
          + "\(problem.baseline.queryHeadsPerKeyValueHead) is unverified in loss.")
    }
    if result.candidates.contains(where: { !$0.isPatternVerified }) {
      notes.append(
        "The law is blind to layers without attention, windows and shared weights: where they are "
          + "not the baseline's they are unverified in loss.")
    }
    notes += expertNotes
    if let law = problem.predictor.law.uncertainty {
      if law.covariance == nil, law.resamples.isEmpty {
        notes.append(
          "P(target): the covariance of \(problem.predictor.law.name) is not known; the scatter of "
            + "single runs (\(Quantity.number(law.residualStandardDeviation)) nats) alone counts.")
      }
    } else {
      notes.append("P(target): nothing is known of \(problem.predictor.law.name)'s uncertainty.")
    }
    if result.unfitting > 0 {
      notes.append("\(result.unfitting) candidates under the target do not fit a device.")
    }
    var seen: Set<String> = []
    notes += result.candidates.flatMap(\.loss.notes).filter { seen.insert($0).inserted }
    notes += Set(result.candidates.flatMap(\.extrapolated)).sorted().map { "extrapolated: " + $0 }
    for (scenario, evidence) in zip(problem.scenarios, result.evidence) {
      let text = evidence.text(
        scenario.settings, scenario.settings.weights.rawValue)
      if !notes.contains(text) { notes.append(text) }
    }
    return notes
  }

  private var expertNotes: [String] {
    guard hasExperts else { return [] }
    var notes = [
      "N is of \(problem.space.budget) parameters: all that are compared, the baseline too, have as many. "
        + "f is the width of an expert; N and active are without embeddings, total is with them."
    ]
    if result.mixturesLeftOut > 0 {
      notes.append(
        "\(result.mixturesLeftOut) combinations are left out: more active experts than experts, or no "
          + "layer with experts.")
    }
    if result.candidates.contains(where: { !$0.areExpertsVerified }) {
      let law = problem.predictor.experts ?? problem.predictor.law
      notes.append(
        "\(law.name) knows how many experts there are for what a token passes, not their granularity, "
          + "shared experts, several active ones or dense layers: candidates with experts are "
          + "unverified in loss.")
    }
    return notes
  }

  /// `32, 4 active, 1 shared, 1 dense layer`; `–` of a dense model.
  private static func experts(_ mixture: ExpertMixture) -> String {
    guard !mixture.isDense else { return "–" }
    return "\(mixture.count), \(mixture.active) active"
      + (mixture.shared > 0 ? ", \(mixture.shared) shared" : "")
      + (mixture.denseLayers > 0 ? ", first \(mixture.denseLayers) dense" : "")
  }

  private var heads: String {
    var table = Table([
      ("GQA", .right), ("H", .right), ("K", .right), ("gain", .right), ("tok/s", .right),
      ("measured loss", .right), ("remark", .left),
    ])
    for variant in result.gqaVariants {
      let shape = variant.candidate.shape
      table.add([
        "\(shape.gqa)", "\(shape.queryHeads)", "\(shape.keyValueHeads)",
        gain(variant.candidate.logGain),
        variant.candidate.served
          .map { Quantity.number($0.outputTokensPerSecond) }
          .joined(separator: ", "),
        variant.measuredLoss.map(Self.loss) ?? "–",
        variant.isAllowed
          ? (variant.candidate.isGQAVerified ? "" : "unverified in loss")
          : "not allowed",
      ])
    }
    return "Heads around the first candidate, its d and f held:\n" + table.rendered()
  }

  private func front(_ points: [ArchitectureSearch.FrontPoint]) -> Table {
    var table = Table([
      (quantity.words, .right), ("gain", .right), ("tok/s", .right), ("memory", .right),
      ("TTFT", .right),
      ("architecture", .left), ("target", .left),
    ])
    for point in Self.thinned(points) {
      table.add([
        Self.loss(point.loss), gain(point.logGain),
        point.throughput.map { Quantity.number($0) }.joined(separator: ", "),
        Quantity.bytes(point.peakMemoryBytes), Quantity.seconds(point.timeToFirstToken),
        point.architecture.name, point.meetsTarget ? "met" : "above",
      ])
    }
    return table
  }

  /// As many points as a screen holds, the ends among them; JSON has all.
  private static func thinned(
    _ points: [ArchitectureSearch.FrontPoint]
  ) -> [ArchitectureSearch.FrontPoint] {
    let most = 20
    guard points.count > most else { return points }
    return (0..<most).map { points[$0 * (points.count - 1) / (most - 1)] }
  }

  static func loss(_ value: Double) -> String { String(format: "%.4f", value) }
  static func gain(_ logGain: Double) -> String { Quantity.number(exp(logGain)) + "×" }

  static func interval(around center: Double, _ deviation: Double) -> String {
    let half = 1.645 * deviation
    return "\(Quantity.number(exp(center - half), digits: 3)) – "
      + Quantity.number(exp(center + half), digits: 3)
  }

  private static func interval(_ value: Double, _ spread: Double) -> String {
    "\(Quantity.number(value * exp(-spread), digits: 3)) – "
      + Quantity.number(value * exp(spread), digits: 3)
  }

  // MARK: For programs

  public func json() throws -> String { try JSONText.encode(document) }

  var document: Document {
    let naming = Document.Naming(quantity: quantity, statesGains: result.statesGains)
    return Document(
      baseline: Document.Candidate(result.baseline, naming),
      parameterBudget: problem.space.budget, quantity: quantity,
      targetLoss: naming.value(result.targetLoss, .loss),
      leastLoss: naming.value(result.leastLoss, .loss), target: result.targetLoss,
      targetName: problem.targetName, least: result.leastLoss,
      baselineOfAnotherSize: !problem.isBaselineOfSize,
      scenarios: zip(problem.scenarios, result.evidence).map { scenario, evidence in
        Document.Scenario(
          device: scenario.profile.name, engine: scenario.engine.name,
          prompt: scenario.workload.prompt, generate: scenario.workload.generate,
          depth: scenario.workload.depth, batch: scenario.workload.batch,
          load: scenario.load.map(SearchLoadReport.Demand.init), weight: scenario.weight,
          operatorRung: evidence.operatorRung.rawValue,
          engineRung: evidence.engineRung.rawValue)
      }, combine: problem.combination.rawValue, tied: result.tied, examined: result.examined,
      front: result.front.map { Document.Point($0, naming) },
      memoryFront: result.memoryFront.map { Document.Point($0, naming) },
      ttftFront: result.ttftFront.map { Document.Point($0, naming) },
      candidates: result.candidates.map { Document.Candidate($0, naming) },
      gqaVariants: result.gqaVariants.map { variant in
        Document.Variant(
          gqa: variant.candidate.shape.gqa,
          candidate: Document.Candidate(variant.candidate, naming),
          measuredLoss: variant.measuredLoss, allowed: variant.isAllowed)
      }, enumerated: result.enumerated,
      combinationsLeftOut: result.mixturesLeftOut, withinTarget: result.withinTarget,
      priced: result.priced,
      unfitting: result.unfitting, seconds: result.seconds,
      simulation: result.simulation.map(SearchLoadReport.Simulation.init), notes: notes,
      verified: verification?.document)
  }

  struct Document: Encodable {
    /// Under which names results stand: a ratio is no loss, and a gain over another size none.
    struct Naming {
      let quantity: LossPrediction.Quantity
      let statesGains: Bool

      func value(_ value: Double?, _ wanted: LossPrediction.Quantity) -> Double? {
        quantity == wanted ? value : nil
      }

      func gain<Value>(_ value: Value) -> Value? { statesGains ? value : nil }
    }

    struct Scenario: Encodable {
      let device: String
      let engine: String
      let prompt: Int
      let generate: Int
      let depth: Int
      /// Under a load, that of the static batch nearest to it.
      let batch: Int
      /// Absent of static batches.
      let load: SearchLoadReport.Demand?
      let weight: Double
      let operatorRung: String
      let engineRung: String
    }

    struct Served: Encodable {
      let throughput: Double
      let interval: [Double]
      let ttftS: Double
      let tpotS: Double
      let peakMemoryBytes: Double
      /// Absent of static batches.
      let load: SearchLoadReport.Load?
      let gain: Double?
      let gainInterval: [Double]?
      let probabilityBeatsBaseline: Double?
    }

    struct Experts: Encodable {
      let count: Int
      let active: Int
      let shared: Int
      let denseLayers: Int
      let intermediateSize: Int
      let granularity: Double

      init?(_ shape: Shape) {
        guard let granularity = shape.granularity else { return nil }
        count = shape.mixture.count
        active = shape.mixture.active
        shared = shape.mixture.shared
        denseLayers = shape.mixture.denseLayers
        intermediateSize = shape.intermediateSize
        self.granularity = granularity
      }
    }

    struct Candidate: Encodable {
      let name: String
      let architecture: [String: JSONValue]
      let parameters: Int
      /// Of `parameters`, what a token passes.
      let activeParameters: Int
      /// With embeddings, head, norms and biases.
      let totalParameters: Int
      /// Absent of a dense model.
      let experts: Experts?
      /// One of the three, by `quantity`; absent of a baseline of another size, as its chance and
      /// whether it meets the target are.
      let loss: Double?
      let ratioToReference: Double?
      let differenceFromReference: Double?
      let probabilityMeetsTarget: Double?
      let meetsTarget: Bool?
      /// Of the first scenario; `served` has all.
      let throughput: Double
      /// 90%, of `throughput`.
      let interval: [Double]
      /// Absent where the baseline is of another size.
      let gain: Double?
      let gainInterval: [Double]?
      let probabilityBeatsBaseline: Double?
      let tied: Bool
      let gqaVerified: Bool
      let patternVerified: Bool
      let expertsVerified: Bool
      let extrapolated: [String]
      let served: [Served]

      init(_ candidate: SearchCandidate, _ naming: Naming) {
        func around(_ center: Double, _ half: Double) -> [Double] {
          [exp(center - half), exp(center + half)]
        }
        served = candidate.served.map { served in
          let point = served.prediction.point
          return Served(
            throughput: served.outputTokensPerSecond,
            interval: around(log(served.outputTokensPerSecond), served.spread),
            ttftS: served.load?.timeToFirstToken.mean ?? point.timeToFirstToken,
            tpotS: served.load?.timePerOutputToken.mean ?? point.timePerOutputToken,
            peakMemoryBytes: served.prediction.peakMemoryBytes,
            load: served.load.map(SearchLoadReport.Load.init),
            gain: naming.gain(exp(served.logGain)),
            gainInterval: naming.gain(around(served.logGain, 1.645 * served.logGainDeviation)),
            probabilityBeatsBaseline: naming.gain(served.probabilityBeatsBaseline))
        }
        name = candidate.architecture.name
        architecture = candidate.architecture.config
        parameters = candidate.architecture.parameters.nonEmbedding
        activeParameters = candidate.architecture.parameters.activeNonEmbedding
        totalParameters = candidate.architecture.parameters.total
        experts = Experts(candidate.shape)
        let value = candidate.isOfSize ? candidate.loss.value : nil
        loss = naming.value(value, .loss)
        ratioToReference = naming.value(value, .ratioToReference)
        differenceFromReference = naming.value(value, .differenceFromReference)
        probabilityMeetsTarget = candidate.probabilityMeetsTarget
        meetsTarget = candidate.isOfSize ? candidate.meetsTarget : nil
        throughput = served[0].throughput
        interval = served[0].interval
        gain = naming.gain(exp(candidate.logGain))
        gainInterval = naming.gain(around(candidate.logGain, 1.645 * candidate.logGainDeviation))
        probabilityBeatsBaseline = naming.gain(candidate.probabilityBeatsBaseline)
        tied = candidate.isTied
        gqaVerified = candidate.isGQAVerified
        patternVerified = candidate.isPatternVerified
        expertsVerified = candidate.areExpertsVerified
        extrapolated = candidate.extrapolated
      }
    }

    struct Point: Encodable {
      let name: String
      let architecture: [String: JSONValue]
      let parameters: Int
      let activeParameters: Int
      let loss: Double?
      let ratioToReference: Double?
      let differenceFromReference: Double?
      let meetsTarget: Bool
      let throughput: [Double]
      let gain: Double?
      let peakMemoryBytes: Double
      let ttftS: Double

      init(_ point: ArchitectureSearch.FrontPoint, _ naming: Naming) {
        name = point.architecture.name
        architecture = point.architecture.config
        parameters = point.architecture.parameters.nonEmbedding
        activeParameters = point.architecture.parameters.activeNonEmbedding
        loss = naming.value(point.loss, .loss)
        ratioToReference = naming.value(point.loss, .ratioToReference)
        differenceFromReference = naming.value(point.loss, .differenceFromReference)
        meetsTarget = point.meetsTarget
        throughput = point.throughput
        gain = naming.gain(exp(point.logGain))
        peakMemoryBytes = point.peakMemoryBytes
        ttftS = point.timeToFirstToken
      }
    }

    struct Variant: Encodable {
      let gqa: Int
      let candidate: Candidate
      let measuredLoss: Double?
      let allowed: Bool
    }

    let baseline: Candidate
    /// What N counts.
    let parameterBudget: ParameterBudget
    /// What `target` and `least` are.
    let quantity: LossPrediction.Quantity
    let targetLoss: Double?
    let leastLoss: Double?
    let target: Double
    /// A number, or the architecture whose loss it is; of one of another size its shape.
    let targetName: String
    let least: Double
    let baselineOfAnotherSize: Bool
    let scenarios: [Scenario]
    let combine: String
    let tied: Int
    let examined: Int
    let front: [Point]
    let memoryFront: [Point]
    let ttftFront: [Point]
    let candidates: [Candidate]
    let gqaVariants: [Variant]
    let enumerated: Int
    /// Combinations of experts that no model can have.
    let combinationsLeftOut: Int
    let withinTarget: Int
    let priced: Int
    let unfitting: Int
    let seconds: Double
    /// Absent of static batches.
    let simulation: SearchLoadReport.Simulation?
    let notes: [String]
    let verified: ClosedLoopReport.Document?
  }
}

extension LossPrediction.Quantity {
  /// As tables head it.
  var words: String {
    switch self {
    case .loss: "loss"
    case .ratioToReference: "ratio to L_opt"
    case .differenceFromReference: "difference from L_opt"
    }
  }

  fileprivate var capitalised: String { words.prefix(1).uppercased() + words.dropFirst() }
}
