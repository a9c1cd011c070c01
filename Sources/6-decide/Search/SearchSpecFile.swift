import CostModel
import Formats
import Foundation
import Input
import Model
import ScalingLaws
import Serving

// A search's specification as YAML: the options of `dyno search`, with underscores.

extension SearchSpec {
  private enum Key: String, CaseIterable {
    case parameters, baseline, tokens, law, anchor, scaling, tolerance, layers, rules, device,
      engine
    case windows, experts, granularity, workload, batch, dtype, scenarios, combine, front, count
    case concurrency, rate, slo, price, objective
    case lengthRange = "length_range"
    case targetLoss = "target_loss"
    case headDimension = "head_dimension"
    case attentionFree = "attention_free"
    case sharedPairs = "shared_pairs"
    case parameterBudget = "parameter_budget"
    case expertLaw = "expert_law"
    case activeExperts = "active_experts"
    case sharedExperts = "shared_experts"
    case denseLayers = "dense_layers"
    case hiddenMultiple = "hidden_multiple"
    case intermediateMultiple = "intermediate_multiple"
    case maxGQA = "max_gqa"
    case gqaLosses = "gqa_losses"
    case tensorParallel = "tensor_parallel"
    case decodeDepth = "decode_depth"
    case cacheDType = "cache_dtype"
    case frontSlack = "front_slack"
  }

  private static let kind = "a search's specification"

  /// Reads a file.
  public init(contentsOf path: String) throws {
    self = try within(path) {
      try SearchSpec(
        InputFile.specification.text(at: path), folder: InputFile.folder(of: path))
    }
  }

  /// - Parameter folder: what paths in the text are relative to.
  public init(_ text: String, folder: URL) throws {
    self.init()
    let fields = try SpecNode(parsing: text, as: Self.kind).fields(Key.allCases.map(\.rawValue))
    func read<Value>(_ key: Key, _ body: (SpecNode) throws -> Value) throws -> Value? {
      try fields[key.rawValue].map(body)
    }
    func name(_ node: SpecNode) throws -> String { try Self.path(node, in: folder) }
    parameters = try read(.parameters, name)
    budget = try read(.parameterBudget) { try $0.word(ParameterBudget.allCases) }
    baseline = try read(.baseline, name)
    tokens = try read(.tokens) { try $0.quantity() }
    law = try read(.law, name)
    anchors =
      try read(.anchor) { try $0.list().map { try Self.anchor($0, in: folder) } } ?? []
    scaling = try read(.scaling, name)
    expertLaw = try read(.expertLaw, name)
    targetLoss = try read(.targetLoss, name)
    tolerance = try read(.tolerance) { try $0.share() }
    layers = try read(.layers) { try Self.layers($0) }
    headDimensions = try read(.headDimension) { try $0.list().map { try $0.count(1...4096) } }
    axes.attentionFree = try read(.attentionFree) {
      try $0.list().map { try $0.value(LayerShare.expected) { LayerShare($0) } }
    }
    axes.windows = try read(.windows) {
      try $0.list().map { try $0.value(WindowPattern.expected) { WindowPattern($0) } }
    }
    axes.sharedPairs = try read(.sharedPairs) { try $0.list().map { try $0.flag() } }
    func counts(_ range: ClosedRange<Int>) -> (SpecNode) throws -> [Int] {
      { try $0.list().map { try $0.count(range) } }
    }
    experts.experts = try read(.experts, counts(0...ExpertAxes.mostExperts))
    experts.active = try read(.activeExperts, counts(1...ExpertAxes.mostExperts))
    experts.shared = try read(.sharedExperts, counts(0...64))
    experts.denseLayers = try read(.denseLayers, counts(0...4096))
    experts.granularity = try read(.granularity) { try $0.list().map { try $0.positiveNumber() } }
    hiddenMultiple = try read(.hiddenMultiple) { try $0.count(1...65536) }
    intermediateMultiple = try read(.intermediateMultiple) { try $0.count(1...65536) }
    maxGQA = try read(.maxGQA) {
      try $0.text() == "free" ? Int.max : $0.count(1...16384)
    }
    gqaLosses = try read(.gqaLosses, name)
    tensorParallel = try read(.tensorParallel) { try $0.count(1...1024) }
    rules = try read(.rules) { try $0.list().map(Self.rule) } ?? []
    devices = try read(.device) { try $0.list().map(name) }
    engine = try read(.engine) { try $0.text() }
    workloads = try read(.workload) { try $0.list().map(Self.workload) }
    decodeDepths = try read(.decodeDepth) { try $0.list().map { try $0.count(0...10_000_000) } }
    batches = try read(.batch) { try $0.list().map { try $0.count(1...10_000_000) } }
    load = try Self.load { fields[$0.rawValue] }
    dtype = try read(.dtype, Self.storage)
    cacheDType = try read(.cacheDType, Self.storage)
    scenarios = try read(.scenarios) { try $0.list().map { try Self.part($0, in: folder) } } ?? []
    combination = try read(.combine) { try $0.word(Combination.allCases) }
    fronts =
      try read(.front) { try $0.list().map { try $0.word(SearchProblem.Front.allCases) } } ?? []
    frontSlack = try read(.frontSlack) { try $0.positiveNumber() }
    count = try read(.count) { try $0.count(1...512) }
    if !scenarios.isEmpty {
      for key in [
        Key.device, .engine, .workload, .decodeDepth, .batch, .concurrency, .rate,
      ] {
        if let node = fields[key.rawValue] {
          throw node.error("is given beside scenarios", expected: "it inside each scenario")
        }
      }
    }
  }

  /// A path below the specification's folder where there is such a file, else a name.
  private static func path(_ node: SpecNode, in folder: URL) throws -> String {
    let text = try node.text()
    let file = try within(node.error("").location.joined(separator: ": ")) {
      try InputFile.path(text, below: folder)
    }
    let isPath = text.contains("/") || text.hasSuffix(".json") || text.hasSuffix(".csv")
    return isPath || FileManager.default.fileExists(atPath: file) ? file : text
  }

  /// Checked here, where the line is known.
  private static func rule(_ node: SpecNode) throws -> String {
    let text = try node.text()
    do {
      _ = try RuleExpression(text)
    } catch let error as InputError {
      throw error.within(node.error("").location.joined(separator: ": "))
    }
    return text
  }

  /// Each number once: short ranges may be written often.
  private static func layers(_ node: SpecNode) throws -> [Int] {
    var layers: [Int] = []
    var seen: Set<Int> = []
    for range in try node.list() {
      layers += try range.countRange(1...4096).filter { seen.insert($0).inserted }
    }
    return layers
  }

  private static func workload(_ node: SpecNode) throws -> ServingWorkload {
    let tokens = try node.workload()
    return ServingWorkload(prompt: tokens.prompt, generate: tokens.generate, batch: 1)
  }

  private static func storage(_ node: SpecNode) throws -> NumberStorage {
    try node.value("one of " + NumberStorage.all.map(\.rawValue).joined(separator: ", ")) {
      NumberStorage(rawValue: $0)
    }
  }

  /// - Parameter field: the value of a key, of the whole file or of a scenario.
  private static func load(_ field: (Key) -> SpecNode?) throws -> LoadSpec {
    var load = LoadSpec()
    load.concurrencies = try field(.concurrency)?.list().map { try $0.count(1...65_536) }
    load.rate = try field(.rate)?.value(RequestRate.expected) { RequestRate($0) }
    load.level = try field(.slo)?.value(ServiceLevel.expected) { ServiceLevel($0) }
    load.price = try field(.price)?.value(HourlyPrice.expected) { HourlyPrice($0) }
    load.lengthRange = try field(.lengthRange)?.positiveNumber()
    load.objective = try field(.objective)?.word(ScenarioLoad.Objective.allCases)
    return load
  }

  private static func anchor(_ node: SpecNode, in folder: URL) throws -> LossAnchor {
    let fields = try node.fields(["architecture", "tokens", "loss"])
    guard let architecture = fields["architecture"], let tokens = fields["tokens"],
      let loss = fields["loss"]
    else {
      throw node.error("lacks a field", expected: "architecture, tokens and loss")
    }
    let name = try path(architecture, in: folder)
    let anchor = LossAnchor(
      architecture: try within(architecture.error("").location.joined(separator: ": ")) {
        try Zoo.resolve(name)
      }, tokens: try tokens.quantity(), loss: try loss.positiveNumber())
    return try within(tokens.error("").location.joined(separator: ": ")) {
      try anchor.validated()
    }
  }

  private static func part(_ node: SpecNode, in folder: URL) throws -> Part {
    let fields = try node.fields([
      "device", "engine", "workload", "decode_depth", "batch", "weight", "concurrency", "rate",
      "slo",
      "price",
    ])
    guard let device = fields["device"] else {
      throw node.error("lacks device", expected: "a device profile or name")
    }
    var work: ServingWorkload
    switch (fields["workload"], fields["decode_depth"]) {
    case (let workload?, nil): work = try Self.workload(workload)
    case (nil, let depth?):
      work = ServingWorkload(
        prompt: 0, generate: 1, depth: try depth.count(0...10_000_000), batch: 1)
    default:
      throw node.error(
        "needs a workload or a decode_depth", expected: "one of them")
    }
    work.batch = try fields["batch"]?.count(1...10_000_000) ?? 128
    let load = try Self.load { fields[$0.rawValue] }
    if let batch = fields["batch"], load.isAsked {
      throw batch.error("is a static batch beside a load", expected: "one of them")
    }
    return Part(
      device: try path(device, in: folder), engine: try fields["engine"]?.text(),
      workload: work, load: load, weight: try fields["weight"]?.positiveNumber() ?? 1)
  }
}

extension SpecNode {
  /// A count, or a range such as `12-20`.
  fileprivate func countRange(_ range: ClosedRange<Int>) throws -> [Int] {
    guard let ends = CountRange(try text()), range.contains(ends.range.lowerBound),
      range.contains(ends.range.upperBound)
    else {
      throw error(
        "is \"\(try text().prefix(40))\"",
        expected: "\(range.lowerBound) to \(range.upperBound), or a range such as 12-20")
    }
    return Array(ends.range)
  }
}

/// A count or a range of counts: `16`, `12-20`.
public struct CountRange: Sendable {
  public let range: ClosedRange<Int>

  public init?(_ text: String) {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    switch ends.count {
    case 1:
      guard let value = ends[0] else { return nil }
      range = value...value
    case 2:
      guard let low = ends[0], let high = ends[1], low <= high, high - low <= 4096 else {
        return nil
      }
      range = low...high
    default: return nil
    }
  }
}
