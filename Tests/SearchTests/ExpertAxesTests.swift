import CostModel
import Foundation
import Input
import Model
import Reports
import ScalingLaws
import Search
import TestSupport
import Testing

@Suite struct ExpertAxesTests {
  private static func axes(
    _ experts: [Int]?, active: [Int]? = nil, shared: [Int]? = nil, dense: [Int]? = nil,
    granularity: [Double]? = nil
  ) -> ExpertAxes {
    var axes = ExpertAxes()
    axes.experts = experts
    axes.active = active
    axes.shared = shared
    axes.denseLayers = dense
    axes.granularity = granularity
    return axes
  }

  private func problem(
    _ axes: ExpertAxes, baseline: String = "llama-3.2-1b",
    _ change: (inout SearchSpec) -> Void = { _ in }
  ) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = baseline
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "3.2"
    spec.devices = ["a100-40gb"]
    spec.hiddenMultiple = 512
    spec.intermediateMultiple = 256
    spec.experts = axes
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  // MARK: Enumeration

  /// A candidate counted by hand: attention, MLPs or experts, routers.
  private struct Counted: Hashable {
    let hidden, intermediate, heads, keyValueHeads, layers: Int
    let experts, active, shared, dense: Int

    func parameters(_ budget: ParameterBudget) -> Int {
      let attention = layers * hidden * 16 * (2 * heads + 2 * keyValueHeads)
      let width = 3 * hidden * intermediate
      guard experts > 0 else { return attention + layers * width }
      let counted = budget == .active ? active : experts
      return attention + dense * (active + shared) * width
        + (layers - dense) * ((counted + shared) * width + hidden * experts)
    }
  }

  private static let mixtures = axes(
    [0, 2, 4], active: [1, 2, 4], shared: [0, 1], dense: [0, 1, 3])

  @Test(arguments: [(ParameterBudget.total, false), (.active, false), (.total, true)])
  func everyMixtureIsFoundOnce(budget: ParameterBudget, isGranular: Bool) throws {
    var space = DesignSpace(parameters: 100_000, layers: [3], headDimensions: [16])
    space.budget = budget
    space.tolerance = 0.02
    space.hiddenMultiple = 32
    space.intermediateMultiple = 16
    space.gqa = .atMost(2)
    space.experts = Self.mixtures
    // 2d/f: f = d/2 and d/8, the latter in whole steps.
    if isGranular { space.experts.granularity = [4, 16] }
    let template = Architecture(
      name: "", hiddenSize: 32, intermediateSize: 32, layers: 1, queryHeads: 1, keyValueHeads: 1,
      headDimension: 16, vocabularySize: 256)
    var found: Set<Counted> = []
    space.visitShapes { shape in
      let mixture = shape.mixture
      let counted = Counted(
        hidden: shape.hiddenSize, intermediate: shape.intermediateSize, heads: shape.queryHeads,
        keyValueHeads: shape.keyValueHeads, layers: shape.layers, experts: mixture.count,
        active: mixture.active, shared: mixture.shared, dense: mixture.denseLayers)
      #expect(found.insert(counted).inserted, "\(shape.name) came twice")
      guard found.count % 37 == 1 else { return }
      let architecture = shape.architecture(like: template)
      let counts = architecture.parameters
      #expect(counts.nonEmbedding == shape.parameters, "\(shape.name)")
      #expect(counts.activeNonEmbedding == shape.activeParameters, "\(shape.name)")
      #expect(Shape(architecture) == shape, "\(shape.name)")
      let point = TrainingPoint(architecture)
      #expect(abs(point.mlpToAttentionRatio - shape.mlpToAttentionRatio) < 1e-12)
      #expect(abs(point.normalizedHiddenSize - shape.normalizedHiddenSize) < 1e-12)
    }
    var expected: Set<Counted> = []
    for experts in [0, 2, 4] {
      for active in experts == 0 ? [0] : [1, 2, 4] where active <= experts {
        for shared in experts == 0 ? [0] : [0, 1] {
          for dense in experts == 0 ? [0] : [0, 1] {
            for hidden in stride(from: 32, through: 640, by: 32) {
              for step in 1...64 {
                let isMeant =
                  !isGranular || experts == 0
                  || [4.0, 16].contains {
                    max(1, Int((2 * Double(hidden) / $0 / 16).rounded())) == step
                  }
                guard isMeant else { continue }
                for heads in 1...100 {
                  for keyValueHeads in heads % 2 == 0 ? [heads, heads / 2] : [heads] {
                    let counted = Counted(
                      hidden: hidden, intermediate: 16 * step, heads: heads,
                      keyValueHeads: keyValueHeads, layers: 3, experts: experts, active: active,
                      shared: shared, dense: dense)
                    if abs(Double(counted.parameters(budget)) / 100_000 - 1) <= 0.02 {
                      expected.insert(counted)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    let (surplus, missing) = (found.subtracting(expected), expected.subtracting(found))
    #expect(
      surplus.isEmpty && missing.isEmpty,
      "\(surplus.count) too many, \(missing.count) missing of \(expected.count)")
    #expect(expected.contains { $0.experts == 4 && $0.shared == 1 && $0.dense == 1 })
  }

  /// Of two experts four cannot be active, and of three layers not all three may be dense.
  @Test func combinationsThatCannotBeAreCounted() throws {
    let problem = try problem(
      Self.axes([0, 2, 4], active: [1, 2, 4], shared: [0, 1], dense: [0, 1, 16]))
    let result = try ArchitectureSearch(problem).run { _ in }
    // 2 experts: 2 shared × 3 dense of 4 active; of the others (2 + 3 numbers) × 2 shared × 1.
    #expect(result.mixturesLeftOut == 6 + 10)
    #expect(SearchReport(result).table.contains("16 combinations are left out"))
  }

  // MARK: Prices and configurations

  /// A candidate costs what its configuration costs once it is written and read again, whatever was
  /// priced before it.
  @Test func pricesAreThoseOfTheWrittenConfigurations() throws {
    let problem = try problem(
      Self.axes([0, 8], active: [1, 2], shared: [0, 1], dense: [0, 1]))
    let scenario = problem.scenarios[0]
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    var byMixture: [ExpertMixture: [Shape]] = [:]
    problem.space.visitShapes { byMixture[$0.mixture, default: []].append($0) }
    #expect(byMixture.count == 9)
    let chosen = byMixture.values.map { $0[$0.count / 2] }
    for shape in chosen + chosen.reversed() {
      let architecture = shape.architecture(like: problem.baseline)
      let text = try architecture.loadable.configText()
      let again = try Architecture(
        name: shape.name, config: JSONObject(parsing: Data(text.utf8)))
      #expect(again.layers.count == architecture.layers.count)
      #expect(Shape(again) == shape)
      #expect((again.modelType == "glm4_moe") == !shape.mixture.isDense)
      let predictor = try Predictor(scenario.profile, scenario.engine, scenario.settings)
      let base = try #require(predictor.point(problem.baseline, scenario.workload))
      let point = predictor.point(again, scenario.workload)
      let price = pricer.price(shape)
      #expect((price == nil) == (point == nil), "\(shape.name)")
      guard let price, let point else { continue }
      let gain = log(point.outputTokensPerSecond) - log(base.outputTokensPerSecond)
      #expect(abs(price.gain - gain) < 1e-12, "\(shape.name)")
    }
  }

  // MARK: The search

  @Test(arguments: [ParameterBudget.total, .active])
  func findsWhatBruteForceFinds(budget: ParameterBudget) throws {
    let problem = try problem(
      Self.axes([0, 8], active: [1, 2], shared: [0, 1], granularity: [2, 4])
    ) {
      $0.budget = budget
      $0.targetLoss = budget == .total ? "3.2" : "2.9"
    }
    let result = try ArchitectureSearch(problem).run { _ in }
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    let joint = try LawZoo.resolve("experts-joint")
    var (count, within, best) = (0, 0, -Double.infinity)
    var surface = LossSurface(problem.predictor)
    problem.space.visitShapes { shape in
      count += 1
      let loss = surface.loss(shape, vocabularySize: problem.baseline.vocabularySize)
      guard loss <= problem.targetLoss else { return }
      within += 1
      guard let price = pricer.price(shape) else { return }
      best = max(best, price.gain)
    }
    #expect(result.enumerated == count && result.withinTarget == within)
    let found = try #require(result.contenders.max { $0.logGain < $1.logGain })
    #expect(abs(found.logGain - best) < 1e-9)
    // By the published formulas, from the architecture itself.
    for candidate in result.candidates {
      let architecture = candidate.architecture
      let counts = architecture.parameters
      let (n, active) = (Double(counts.nonEmbedding), Double(counts.activeNonEmbedding))
      #expect(abs((budget == .total ? n : active) / problem.space.parameters - 1) <= 0.01)
      let size = problem.space.parameters * (budget == .total ? active / n : 1)
      let x = Double(architecture.hiddenSize) / active.squareRoot()
      let passed = Double(counts.mlp - counts.inactive)
      let r = passed / Double(counts.attention)
      func shape(_ x: Double, _ r: Double) -> Double {
        (2.697 + 0.0974 * log(x) + 0.0078 / x) * (0.387 + 0.0063 * log(r) + 0.0065 / r)
      }
      func chinchilla(_ n: Double) -> Double {
        1.8172 + 482.01 / pow(n, 0.3478) + 2085.43 / pow(100e9, 0.3658)
      }
      let llama = TrainingPoint(problem.baseline)
      var point = TrainingPoint(
        parameters: size + 2 * Double(architecture.hiddenSize * architecture.vocabularySize),
        tokens: 100e9)
      let dense = joint.loss(point)
      point.experts = Double(counts.mlp) / passed
      let ratio = joint.loss(point) / dense
      let growth = chinchilla(size) / chinchilla(problem.space.parameters)
      let anchor = shape(llama.normalizedHiddenSize, llama.mlpToAttentionRatio)
      let expected = 2.803 * shape(x, r) / anchor * growth * ratio
      #expect(abs(candidate.loss.value - expected) < 1e-6, "\(architecture.name)")
      #expect(candidate.areExpertsVerified == (counts.inactive == 0))
      #expect(problem.admits(candidate.shape))
    }
  }

  @Test func reportsSayWhatIsCompared() throws {
    let problem = try problem(Self.axes([0, 16], active: [2])) {
      $0.budget = .active
      $0.targetLoss = "2.72"
    }
    let result = try ArchitectureSearch(problem).run { _ in }
    // Dense models of that size do not reach this loss.
    #expect(result.candidates.allSatisfy { $0.shape.mixture.count == 16 })
    let report = SearchReport(result)
    for part in [
      "973.1 M active", "16, 2 active", "unverified in loss", "N is of active parameters",
      "experts-joint knows",
    ] {
      #expect(report.table.contains(part), "\(part) in \(report.table)")
    }
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    guard case .object(let first)? = try fields.array("candidates")?.first,
      case .object(let experts)? = first["experts"]
    else {
      Issue.record("no experts")
      return
    }
    #expect(try fields.string("parameter_budget") == "active")
    #expect(experts["count"] == .integer(16) && experts["active"] == .integer(2))
    #expect(first["experts_verified"] == .bool(false))
    #expect(
      first["active_parameters"] == .integer(result.candidates[0].shape.activeParameters))
  }

  @Test func denseSearchesDoNotSpeakOfExperts() throws {
    let result = try ArchitectureSearch(problem(ExpertAxes()) { $0.targetLoss = "2.9" }).run { _ in
    }
    let table = SearchReport(result).table
    #expect(!table.contains("experts") && !table.contains("active"))
  }

  /// A gain is over as many of the budget's parameters: mixtral is 47B of which 13B are active.
  @Test func baselinesAreOfTheBudgetsMeaning() throws {
    for (budget, size) in [(ParameterBudget.total, 46.4e9), (.active, 12.6e9)] {
      let problem = try problem(ExpertAxes(), baseline: "mixtral-8x7b") {
        $0.budget = budget
        $0.parameters = "\(size)"
        $0.baseline = "mixtral-8x7b"
        $0.targetLoss = "mixtral-8x7b"
        $0.batches = [1]
        $0.devices = ["h200-sxm"]
      }
      #expect(problem.isBaselineOfSize)
      #expect(problem.space.hasExperts)
      #expect(problem.admits(Shape(problem.baseline)) || problem.space.tolerance < 0.05)
    }
  }

  /// Without axes candidates have the baseline's experts, in the baseline's family.
  @Test func mixturesStayWithoutAxes() throws {
    let problem = try problem(ExpertAxes(), baseline: "granite-3.1-1b-a400m") {
      $0.hiddenMultiple = 256
      $0.intermediateMultiple = 128
      $0.targetLoss = "4"
    }
    var count = 0
    problem.space.visitShapes { shape in
      count += 1
      guard count % 100 == 1 else { return }
      let architecture = shape.architecture(like: problem.baseline)
      #expect(architecture.modelType == problem.baseline.modelType)
      let (experts, own) = (architecture.firstExperts, problem.baseline.firstExperts)
      #expect(experts?.count == own?.count && experts?.active == own?.active)
      #expect(experts?.router == own?.router)
      #expect(architecture.parameters.nonEmbedding == shape.parameters)
    }
    #expect(count > 100)
  }

  // MARK: Rules

  @Test func rulesKnowExpertsAndMemory() throws {
    let problem = try problem(Self.axes([0, 8], active: [2], granularity: [2]))
    let context = try #require(problem.space.context)
    var shape: Shape?
    problem.space.visitShapes { if !$0.mixture.isDense { shape = $0 } }
    let sparse = try #require(shape)
    func holds(_ text: String, _ shape: Shape) throws -> Bool {
      try RuleExpression(text).isMet(by: shape, in: context)
    }
    #expect(try holds("experts == 8 and active_experts == 2 and shared_experts == 0", sparse))
    #expect(try holds("granularity == 2 and dense_layers == 0", sparse))
    #expect(try holds("active_parameters == \(sparse.activeParameters)", sparse))
    #expect(try holds("active_parameters < 0.6 * parameters", sparse))
    let llama = Shape(problem.baseline)
    #expect(try holds("experts == 0 and active_parameters == parameters", llama))
    #expect(try !holds("granularity > 0 or granularity <= 0", llama))
    // bf16: two bytes each, four of norms.
    #expect(try holds("weight_gib > 2.30 and weight_gib < 2.31", llama))
  }

  /// A memory budget is a rule: what it leaves is exactly what meets it.
  @Test func memoryBudgetsAreRules() throws {
    let axes = Self.axes([0, 4, 8], active: [1], granularity: [2])
    func names(_ rules: [String]) throws -> Set<String> {
      let problem = try self.problem(axes) {
        $0.parameters = "500M"
        $0.baseline = "llama-3.2-1b"
        $0.budget = .active
        $0.rules = rules
      }
      var names: Set<String> = []
      problem.space.visitShapes { names.insert($0.name) }
      return names
    }
    let problem = try self.problem(axes) {
      $0.parameters = "500M"
      $0.baseline = "llama-3.2-1b"
      $0.budget = .active
    }
    var expected: Set<String> = []
    problem.space.visitShapes { shape in
      let counts = shape.architecture(like: problem.baseline).parameters
      let bytes = 2 * counts.matrices + 4 * counts.exact
      if Double(bytes) <= 4 * 0x1p30 { expected.insert(shape.name) }
    }
    let found = try names(["weight_gib <= 4"])
    #expect(found == expected && !found.isEmpty)
    #expect(try names([]).count > found.count)
  }

  // MARK: Bad input

  @Test func specificationsGiveLists() throws {
    let spec = try SearchSpec(
      """
      experts: [0, 8, 32]
      active_experts: [1, 2, 8]
      shared_experts: [0, 1]
      dense_layers: 1
      granularity: [2, 12.5]
      parameter_budget: active
      expert_law: experts-joint
      """, folder: Files.fixtures)
    #expect(
      spec.experts
        == Self.axes(
          [0, 8, 32], active: [1, 2, 8], shared: [0, 1], dense: [1], granularity: [2, 12.5]))
    #expect(spec.budget == .active && spec.expertLaw == "experts-joint")
    var options = SearchSpec()
    options.experts.active = [4]
    let merged = spec.overridden(by: options)
    #expect(merged.experts.active == [4] && merged.experts.experts == [0, 8, 32])
    #expect(merged.budget == .active && merged.expertLaw == "experts-joint")
  }

  @Test(arguments: [
    ("count: 3\nexperts: [0, -1]", "line 2: experts", "0 to"),
    ("active_experts: 0", "line 1: active_experts", "1 to"),
    ("granularity: [0]", "line 1: granularity", "above 0"),
    ("parameter_budget: all", "line 1: parameter_budget", "total"),
    ("expert: 8", "line 1", "experts?"),
  ])
  func badAxesAreRefused(text: String, place: String, part: String) {
    let error = #expect(throws: InputError.self) {
      try SearchSpec(text, folder: Files.fixtures)
    }
    let message = error?.description ?? ""
    #expect(message.contains(place) && message.contains(part), "\(message)")
  }

  @Test func axesThatCannotBeAreRefused() throws {
    func expectRefusal(
      _ parts: String..., axes: ExpertAxes, baseline: String = "llama-3.2-1b",
      _ change: (inout SearchSpec) -> Void = { _ in }
    ) {
      let error = #expect(throws: InputError.self) {
        try ArchitectureSearch(problem(axes, baseline: baseline, change)).run { _ in }
      }
      for part in parts {
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
      }
    }
    expectRefusal("active_experts", "is missing", axes: Self.axes([8]))
    expectRefusal("experts", "is missing", axes: Self.axes(nil, active: [2]))
    expectRefusal(
      "active_experts", "8 and more, is above that of experts, 4",
      axes: Self.axes([2, 4], active: [8, 16]))
    expectRefusal("dense_layers", "at most 15", axes: Self.axes([8], active: [1], dense: [16]))
    expectRefusal("experts", "empty", axes: Self.axes([], active: [1]))
    expectRefusal(
      "granularity", "100000", "expected", axes: Self.axes([8], active: [1], granularity: [1e5]))
    expectRefusal("one or the other", axes: Self.axes([8], active: [1])) {
      $0.axes.sharedPairs = [true]
    }
    expectRefusal(
      "gemma-3-1b differ", axes: Self.axes([8], active: [1]), baseline: "gemma-3-1b")
    expectRefusal(
      "no configuration", "s1", axes: Self.axes(nil, shared: [1]), baseline: "olmoe-1b-7b")
    expectRefusal("expert_law", "chinchilla", axes: Self.axes([8], active: [1])) {
      $0.expertLaw = "chinchilla-hoffmann"
    }
    expectRefusal("expert_law", "nothing here has experts", axes: ExpertAxes()) {
      $0.expertLaw = "experts-joint"
    }
    expectRefusal("budget of active", axes: Self.axes([8], active: [1])) { $0.scaling = "none" }
    // A space that is empty says why: experts of that width are too many parameters.
    expectRefusal(
      "design space", "granularity 0.1", "active parameters",
      axes: Self.axes([8], active: [8], granularity: [0.1])
    ) { $0.budget = .active }
    expectRefusal(
      "weight_gib <= 0.1", "empty", axes: Self.axes([8], active: [1])
    ) { $0.rules = ["weight_gib <= 0.1"] }
  }
}
