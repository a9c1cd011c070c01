import CostModel
import Foundation
import Input
import Model
import Numerics
import Records
import Reports
import ScalingLaws
import Search
import Verification

/// The closed loop on this machine against measuring a whole grid.
struct HostStudy {
  private let pairs: Int
  private let visits: Int
  private let limit: Int
  private let seed: UInt64

  /// Decode where architecture matters: at depth, with a batch.
  private static let workload = ServingWorkload(prompt: 0, generate: 1, depth: 4096, batch: 8)
  private static let gridSize = 44

  /// LLaMA-3.2-1B's proportions at 380M: r 4.8, GQA 4, d/√N 0.066.
  static let baseline = Architecture(
    name: "llama-380m", hiddenSize: 1280, intermediateSize: 5120, layers: 16, queryHeads: 20,
    keyValueHeads: 5, headDimension: 64, vocabularySize: 128_256)

  init(_ options: [String: Int]) {
    pairs = options["--pairs"] ?? 40
    visits = options["--visits"] ?? Self.gridSize / 4
    limit = options["--limit"] ?? .max
    seed = UInt64(options["--seed"] ?? 0)
  }

  // MARK: The grid

  /// What the loop and the exhaustive measurement choose from: realisable architectures of the
  /// baseline's N whose loss by the law is no higher, spread over d, r and GQA.
  static func grid() throws -> [Architecture] {
    let parameters = Double(baseline.parameters.nonEmbedding)
    var space = DesignSpace(
      parameters: parameters, layers: [baseline.layers.count],
      headDimensions: [baseline.headDimension])
    space.gqa = .atMost(9)
    space.rules = [
      try RuleExpression(
        "r >= 0.5 and r <= 6 and x >= 0.05 and x <= 0.12 and num_key_value_heads <= 20")
    ]
    var surface = LossSurface(
      try LossPredictor(
        LawZoo.resolve("conditional-80m-297m"), parameters: parameters, tokens: 100e9))
    func loss(_ shape: Shape) -> Double {
      surface.loss(
        normalizedHiddenSize: shape.normalizedHiddenSize,
        mlpToAttentionRatio: shape.mlpToAttentionRatio, aspectRatio: shape.aspectRatio)
    }
    let bound = loss(Shape(baseline))
    var feasible: [Shape] = []
    space.visitShapes { shape in if loss(shape) <= bound { feasible.append(shape) } }
    feasible.sort { $0.name < $1.name }
    return spread(feasible).map { $0.architecture(like: baseline) }
  }

  /// The farthest point from those chosen, again and again, from the baseline on.
  private static func spread(_ shapes: [Shape]) -> [Shape] {
    func place(_ shape: Shape) -> [Double] {
      [
        log(Double(shape.hiddenSize)), 0.5 * log(shape.mlpToAttentionRatio),
        0.5 * log(Double(shape.gqa)),
      ]
    }
    func distance(_ first: [Double], _ second: [Double]) -> Double {
      zip(first, second).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    var chosen: [Shape] = []
    var nearest = shapes.map { distance(place($0), place(Shape(baseline))) }
    while chosen.count < min(gridSize, shapes.count) {
      guard let next = nearest.indices.max(by: { nearest[$0] < nearest[$1] }), nearest[next] > 0
      else { break }
      chosen.append(shapes[next])
      let here = place(shapes[next])
      for index in nearest.indices {
        nearest[index] = min(nearest[index], distance(place(shapes[index]), here))
      }
    }
    return chosen
  }

  private func verifier(
    _ store: String, baseline: Architecture = Self.baseline, pairs: Int? = nil
  ) throws -> HostVerifier {
    var settings = HostVerifier.Settings(workload: Self.workload)
    settings.pairs = pairs ?? self.pairs
    settings.seed = seed
    return try HostVerifier(baseline: baseline, settings, store: store, report: Progress.show)
  }

  // MARK: Studies

  /// Measures every architecture of the grid once, in random order; what the store holds is not
  /// measured again.
  func exhaustive(_ store: String) throws {
    let verifier = try verifier(store)
    var measured = try verifier.known().measurements
    let done = Set(measured.map(\.shape))
    var order = SeededGenerator(seed: seed)
    let open = try Self.grid().filter { !done.contains(Shape($0)) }.shuffled(using: &order)
      .prefix(limit)
    for start in stride(from: 0, to: open.count, by: 4) {
      let part = Array(
        open[(open.startIndex + start)..<min(open.endIndex, open.startIndex + start + 4)])
      measured += try verifier.measure(part, round: 0)
      print("\(measured.count) measured, \(Int(measured.reduce(0) { $0 + $1.seconds })) s")
    }
    try verifier.close()
    report(measured)
  }

  private func report(_ measured: [GainMeasurement]) {
    var table = Table([
      ("architecture", .left), ("r", .right), ("GQA", .right), ("tok/s", .right),
      ("gain", .right), ("95% interval", .right), ("pairs", .right),
    ])
    for row in measured.sorted(by: { $0.logGain > $1.logGain }) {
      table.add([
        row.shape.name, Quantity.number(row.shape.mlpToAttentionRatio, digits: 3),
        "\(row.shape.gqa)", Quantity.number(row.throughput), Self.gain(row.logGain),
        Self.interval(row.logGain, row.standardError), "\(row.pairs)",
      ])
    }
    print("\n" + table.rendered(.markdown) + "\n")
    let gains = measured.map(\.logGain)
    if let most = gains.max(), let least = gains.min() {
      print(
        "\(measured.count) architectures in \(Int(measured.reduce(0) { $0 + $1.seconds })) s; spread "
          + "\(Quantity.percent(expm1(most - least))) between the slowest and the fastest.")
    }
  }

  /// The closed loop over the same grid with at most a quarter of its measurements.
  func loop(_ store: String) throws {
    let outcome = try runLoop(store)
    print(ClosedLoopReport(outcome, baseline: Self.baseline).table)
  }

  private func runLoop(_ store: String) throws -> ClosedLoop.Outcome {
    let (profile, isNominal) = try HostProfile.calibratedOrNominal(
      threads: nil, report: Progress.show)
    if isNominal { print("The host's profile is nominal.\n") }
    let verifier = try verifier(store)
    var settings = ClosedLoop.Settings()
    settings.mostVisits = visits
    settings.budgetSeconds = .infinity
    let outcome = try ClosedLoop(
      Self.scenario(profile), baseline: Self.baseline, pool: try Self.grid(), settings: settings,
      measurer: verifier, report: Progress.show
    ).run(known: try verifier.known().measurements)
    try verifier.close()
    return outcome
  }

  private static func scenario(_ profile: DeviceProfile) -> Scenario {
    Scenario(
      profile: profile, engine: .dyno,
      settings: Predictor.Settings(weights: .bf16, cache: .f16), workload: workload)
  }

  /// The loop's winner against the grid's best, head to head, and against random subsets.
  func compare(_ gridStore: String, _ loopStore: String) throws {
    let grid = try verifier(gridStore).known().measurements
    guard grid.count >= 40 else {
      throw InputError(
        problem: "\(gridStore) holds \(grid.count) architectures, expected at least 40")
    }
    report(grid)
    let outcome = try runLoop(loopStore)
    print("\n" + ClosedLoopReport(outcome, baseline: Self.baseline).table + "\n")
    let gains = Dictionary(grid.map { ($0.shape, $0.logGain) }) { _, latest in latest }
    let winner = outcome.leader.architecture
    let best = grid.max { $0.logGain < $1.logGain }!.shape
    print(
      "Measurements: \(outcome.visits) of \(gains.count) "
        + "(\(Quantity.percent(Double(outcome.visits) / Double(gains.count)))).")
    subsets(Array(gains.values), winner: gains[Shape(winner)] ?? -.infinity, size: outcome.visits)
    let pairs = self.pairs == 40 ? 120 : self.pairs
    // Apart from the loop's store: a loop that is resumed must not take these for its own.
    let checks = loopStore + "-checks"
    if Shape(winner) == best {
      print("The loop's winner is the grid's best as measured.")
    } else {
      let rival = best.architecture(like: Self.baseline)
      let head = try verifier(checks, baseline: rival, pairs: pairs)
      let row = try head.measure([winner], round: 0)[0]
      try head.close()
      print(
        "Head to head, \(pairs) pairs: the loop's winner \(winner.name) has "
          + "\(Self.gain(row.logGain)) of the grid's best \(rival.name) "
          + "(95% \(Self.interval(row.logGain, row.standardError))).")
    }
    let final = try verifier(checks, pairs: pairs)
    let row = try final.measure([winner], round: 0)[0]
    try final.close()
    print(
      "Gain over \(Self.baseline.name), measured anew in \(pairs) pairs: \(Self.gain(row.logGain)) "
        + "(95% \(Self.interval(row.logGain, row.standardError))).")
  }

  /// How often the best of as many random architectures, judged by the grid, is behind the winner.
  private func subsets(_ gains: [Double], winner: Double, size: Int) {
    var generator = SeededGenerator(seed: 1)
    let count = 100_000
    var behind = 0
    var ties = 0
    for _ in 0..<count {
      let most = gains.shuffled(using: &generator).prefix(size).max() ?? -.infinity
      if most < winner { behind += 1 }
      if most == winner { ties += 1 }
    }
    print(
      "Of \(count) random subsets of \(size), \(Quantity.percent(Double(behind) / Double(count))) hold "
        + "nothing as fast as the loop's winner, \(Quantity.percent(Double(ties) / Double(count))) "
        + "hold it.")
  }

  /// At 1B: the search's winner for this host, surefire-1b and llama-3.2-1b, predicted and measured.
  func billion(_ store: String) throws {
    let (profile, isNominal) = try HostProfile.calibratedOrNominal(
      threads: nil, report: Progress.show)
    var spec = SearchSpec()
    spec.parameters = "llama-3.2-1b"
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "llama-3.2-1b"
    spec.maxGQA = 9
    spec.devices = ["host"]
    spec.decodeDepths = [Self.workload.depth]
    spec.batches = [Self.workload.batch]
    let result = try ArchitectureSearch(spec.problem { _ in profile }).run { Progress.show($0) }
    let surefire = try Zoo.resolve("surefire-1b")
    let winner = result.candidates[0].architecture
    let verifier = try verifier(store, baseline: result.problem.baseline)
    let known = try verifier.known().measurements
    var settings = ClosedLoop.Settings()
    settings.mostVisits = 2
    settings.budgetSeconds = .infinity
    let outcome = try ClosedLoop(
      result.problem.scenarios[0], baseline: result.problem.baseline, pool: [winner, surefire],
      settings: settings, measurer: verifier, report: Progress.show
    ).run(known: known)
    try verifier.close()
    print(isNominal ? "The host's profile is nominal.\n" : "The host is calibrated.\n")
    print(ClosedLoopReport(outcome, baseline: result.problem.baseline).table)
  }

  private static func gain(_ logGain: Double) -> String { Quantity.number(exp(logGain)) + "×" }

  private static func interval(_ center: Double, _ error: Double) -> String {
    "\(Quantity.number(exp(center - 1.96 * error))) – \(Quantity.number(exp(center + 1.96 * error)))"
  }
}
