import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import ScalingLaws

/// What a search was asked for: options of the command line, a YAML file, or both. What is absent
/// takes its default when the problem is made of it.
public struct SearchSpec: Sendable {
  /// One scenario that a file names.
  public struct Part: Sendable {
    public var device: String
    public var engine: String?
    public var workload: ServingWorkload
    /// Instead of the workload's batch.
    public var load = LoadSpec()
    public var weight: Double
  }

  /// A number of non-embedding parameters, or the architecture whose number is meant.
  public var parameters: String?
  /// What `parameters` counts.
  public var budget: ParameterBudget?
  public var baseline: String?
  public var tokens: Double?
  public var law: String?
  /// Trained models that `L_opt` follows from, in place of the law's own.
  public var anchors: [LossAnchor] = []
  /// The law that carries an anchor's `L_opt` to other sizes and tokens, or `none`.
  public var scaling: String?
  /// The law of mixtures of experts: a file, or a shipped one.
  public var expertLaw: String?
  /// A loss, or the architecture whose shape's loss at the budget's `N` is the target.
  public var targetLoss: String?
  /// At most 0.1.
  public var tolerance: Double?
  public var layers: [Int]?
  public var headDimensions: [Int]?
  public var axes = LayerAxes()
  public var experts = ExpertAxes()
  public var hiddenMultiple: Int?
  public var intermediateMultiple: Int?
  /// `Int.max` for no limit.
  public var maxGQA: Int?
  /// A CSV of measured losses.
  public var gqaLosses: String?
  public var tensorParallel: Int?
  public var rules: [String] = []
  public var devices: [String]?
  public var engine: String?
  /// Prompt and generated tokens.
  public var workloads: [ServingWorkload]?
  /// Instead of workloads: single decode steps at these depths.
  public var decodeDepths: [Int]?
  public var batches: [Int]?
  /// Instead of batches: servers under load.
  public var load = LoadSpec()
  public var dtype: NumberStorage?
  public var cacheDType: NumberStorage?
  /// Instead of the product of devices, workloads and batches.
  public var scenarios: [Part] = []
  public var combination: Combination?
  public var fronts: [SearchProblem.Front] = []
  public var frontSlack: Double?
  public var count: Int?

  public init() {}

  /// This specification, where `other` says nothing else.
  public func overridden(by other: SearchSpec) -> SearchSpec {
    var result = other
    result.parameters = other.parameters ?? parameters
    result.budget = other.budget ?? budget
    result.baseline = other.baseline ?? baseline
    result.tokens = other.tokens ?? tokens
    result.law = other.law ?? law
    if other.anchors.isEmpty { result.anchors = anchors }
    result.scaling = other.scaling ?? scaling
    result.expertLaw = other.expertLaw ?? expertLaw
    result.targetLoss = other.targetLoss ?? targetLoss
    result.tolerance = other.tolerance ?? tolerance
    result.layers = other.layers ?? layers
    result.headDimensions = other.headDimensions ?? headDimensions
    result.axes = axes.overridden(by: other.axes)
    result.experts = experts.overridden(by: other.experts)
    result.hiddenMultiple = other.hiddenMultiple ?? hiddenMultiple
    result.intermediateMultiple = other.intermediateMultiple ?? intermediateMultiple
    result.maxGQA = other.maxGQA ?? maxGQA
    result.gqaLosses = other.gqaLosses ?? gqaLosses
    result.tensorParallel = other.tensorParallel ?? tensorParallel
    result.rules = rules + other.rules
    result.devices = other.devices ?? devices
    result.engine = other.engine ?? engine
    result.workloads = other.workloads ?? workloads
    result.decodeDepths = other.decodeDepths ?? decodeDepths
    result.batches = other.batches ?? batches
    result.load = load.overridden(by: other.load)
    result.dtype = other.dtype ?? dtype
    result.cacheDType = other.cacheDType ?? cacheDType
    // Scenarios of a file stand as long as the command line names none of its own.
    let namesOwn =
      other.devices != nil || other.workloads != nil || other.decodeDepths != nil
      || other.batches != nil || other.load.namesDemand
    result.scenarios = other.scenarios.isEmpty && !namesOwn ? scenarios : other.scenarios
    result.combination = other.combination ?? combination
    if other.fronts.isEmpty { result.fronts = fronts }
    result.frontSlack = other.frontSlack ?? frontSlack
    result.count = other.count ?? count
    return result
  }
}

// MARK: What it means

extension SearchSpec {
  private func required<Value>(_ value: Value?, _ field: String, _ expected: String) throws
    -> Value
  {
    guard let value else {
      throw InputError(field, problem: "is missing", expected: expected)
    }
    return value
  }

  /// - Parameter device: what a device's name means; the host's profile may have to be made first.
  public func problem(device: (String) throws -> DeviceProfile) throws -> SearchProblem {
    let parameters = try required(
      self.parameters, "parameters", "a number such as 1B, or an architecture")
    let number = ScaledCount(parameters)?.value
    let meant = number == nil ? try within("parameters") { try Zoo.resolve(parameters) } : nil
    let budget = budget ?? .total
    let size = number ?? Double(meant?.parameters.count(budget) ?? 0)
    let named = try self.baseline.map { name in
      try within("baseline") { try Zoo.resolve(name) }
    }
    let baseline = try named ?? meant ?? Self.usualBaseline(size)
    var space = DesignSpace(
      parameters: size,
      layers: layers ?? [meant?.layers.count ?? DesignSpace.usualLayers(parameters: size)],
      headDimensions: headDimensions ?? [baseline.headDimension])
    space.budget = budget
    if let tolerance { space.tolerance = tolerance }
    if let hiddenMultiple { space.hiddenMultiple = hiddenMultiple }
    if let intermediateMultiple { space.intermediateMultiple = intermediateMultiple }
    space.axes = axes
    space.experts = experts
    space.tensorParallel = tensorParallel ?? 1
    space.rules = try rules.map { try RuleExpression($0) }
    space.gqa = try gqaLimit(baseline)
    try requireWholeBlocks(&space)

    let lawName = try required(self.law, "law", "a law file, or a shipped law")
    let law = try within("law") { try LawZoo.resolve(lawName) }
      .referenced(anchors: anchors, scaling: scaling)
    if let tokens { try TrainingBudget.check(tokens: tokens, parameters: size) }
    let targetText = try required(
      targetLoss, "target_loss", "a loss such as 2.8, or an architecture")
    let targetShape = try targetShape(targetText)
    let hasExperts =
      experts.areGiven || baseline.firstExperts != nil || targetShape?.firstExperts != nil
    guard hasExperts || expertLaw == nil else {
      throw InputError(
        "expert_law", problem: "is given, and nothing here has experts",
        expected: "experts, or a baseline with some")
    }
    let predictor = try LossPredictor(
      law, parameters: size, tokens: tokens, counts: budget,
      experts: hasExperts
        ? try within("expert_law") { try expertLaw.map(LawZoo.resolve) ?? LawZoo.experts() } : nil)
    let target = try target(targetText, targetShape, predictor)
    // The law gives the loss of a shape at the budget's N, not that of a model of another size.
    let targetName =
      targetShape.map { SearchProblem.isOfSize(size, budget, $0) } ?? true
      ? targetText
      : "shape of \(targetText) at \(number == nil ? "the size of \(parameters)" : parameters)"
    let scenarios = try resolvedScenarios(baseline, device)
    space.context = RuleContext(template: baseline, scenarios: scenarios)
    space = try space.validated()
    try axes.check(baseline: baseline, layers: space.layers)
    try experts.check(baseline: baseline, axes: axes, layers: space.layers)
    // Sizes are varied by the formulas of gated MLPs and layers that are alike.
    guard Shape(baseline).parameters == baseline.parameters.nonEmbedding,
      Shape(baseline).activeParameters == baseline.parameters.activeNonEmbedding
    else {
      throw InputError(
        "baseline", problem: "\(baseline.name) has layers that a search cannot vary",
        expected: "one whose layers are alike, with gated MLPs")
    }
    var problem = SearchProblem(
      baseline: baseline, space: space, predictor: predictor, target: target,
      targetName: targetName, scenarios: scenarios)
    if let combination { problem.combination = combination }
    problem.fronts = fronts
    if let frontSlack { problem.frontSlack = frontSlack }
    if let count {
      guard (1...512).contains(count) else {
        throw InputError("count", problem: "is \(count)", expected: "1 to 512")
      }
      problem.count = count
    }
    return problem
  }

  /// `nil` where the target is a loss.
  private func targetShape(_ text: String) throws -> Architecture? {
    if let loss = Double(text), loss > 0, loss.isFinite { return nil }
    return try within("target_loss") { try Zoo.resolve(text) }
  }

  private func target(
    _ text: String, _ shape: Architecture?, _ predictor: LossPredictor
  ) throws -> LossTarget {
    if let shape { return .shape(TrainingPoint(shape)) }
    if let loss = Double(text) {
      guard predictor.quantity == .loss else {
        throw InputError(
          "target_loss",
          problem: "\(text) cannot be compared: \(predictor.law.name) does not know L_opt at that "
            + "size and predicts only how losses relate to it",
          expected: "an architecture, an anchor of that size, or a scaling law")
      }
      return .loss(loss)
    }
    preconditionFailure("a target is a loss or an architecture")
  }

  /// A LLaMA-3.2 model of that size (vocabulary and proportions that people know), else the nearest of
  /// the zoo.
  ///
  /// - Throws: where none is of that size: a gain over another size says nothing of a shape.
  private static func usualBaseline(_ size: Double) throws -> Architecture {
    let zoo = try Zoo.shipped()
    func distance(_ architecture: Architecture) -> Double {
      abs(log(Double(architecture.parameters.nonEmbedding) / size))
    }
    // Of equal layers: a search varies the sizes that all have.
    let known = try zoo.names().map(zoo.architecture)
      .filter { $0.isUniform && $0.layers.kinds.count == 1 && !$0.layers.sharesWeights }
      .sorted { distance($0) < distance($1) }
    let alike = known.filter { SearchProblem.isOfSize(size, .total, $0) }
    guard let nearest = alike.first(where: { $0.name.hasPrefix("llama-3.2") }) ?? alike.first else {
      let hint = known.first.map {
        "; the nearest known, \($0.name), has \(String(format: "%.3g", Double($0.parameters.nonEmbedding)))"
      }
      throw InputError(
        "baseline",
        problem: "is missing, and no known architecture has about \(String(format: "%.3g", size)) "
          + "parameters\(hint ?? "")",
        expected: "an architecture of that size: a config.json, its folder or a zoo name")
    }
    return nearest
  }

  private func gqaLimit(_ baseline: Architecture) throws -> GQALimit {
    if let gqaLosses {
      guard maxGQA == nil else {
        throw InputError(
          "gqa_losses, max_gqa", problem: "are both given", expected: "one of them")
      }
      return .measured(
        try GQALosses(
          contentsOf: URL(fileURLWithPath: gqaLosses),
          baseline: baseline.queryHeadsPerKeyValueHead))
    }
    guard let maxGQA else { return .atMost(4) }
    return maxGQA == .max ? .unlimited : .atMost(maxGQA)
  }

  /// Quantised weights are stored in blocks, which rows of matrices must fill.
  private func requireWholeBlocks(_ space: inout DesignSpace) throws {
    let block = (dtype ?? .bf16).dtype?.blockElements ?? 1
    guard block > 1 else { return }
    for (field, multiple) in [
      ("hidden_multiple", space.hiddenMultiple),
      ("intermediate_multiple", space.intermediateMultiple),
    ] where multiple % block != 0 {
      throw InputError(
        field, problem: "\(multiple) does not fill blocks of \(dtype ?? .bf16)",
        expected: "a multiple of \(block)")
    }
    space.rules.append(try RuleExpression("num_attention_heads * head_dim % \(block) == 0"))
  }
}
