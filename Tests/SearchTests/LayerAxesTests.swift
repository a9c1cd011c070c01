import CostModel
import Foundation
import Input
import Model
import Reports
import ScalingLaws
import Search
import TestSupport
import Testing

@Suite struct LayerAxesTests {
  private let zoo = Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))

  private static func axes(
    free: [String]? = nil, windows: [String]? = nil, pairs: [Bool]? = nil
  ) throws -> LayerAxes {
    var axes = LayerAxes()
    axes.attentionFree = try free?.map { try #require(LayerShare($0)) }
    axes.windows = try windows?.map { try #require(WindowPattern($0)) }
    axes.sharedPairs = pairs
    return axes
  }

  private func problem(
    _ axes: LayerAxes, baseline: String = "llama-3.2-1b",
    _ change: (inout SearchSpec) -> Void = { _ in }
  ) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = baseline
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "2.9"
    spec.devices = ["a100-40gb"]
    spec.hiddenMultiple = 512
    spec.intermediateMultiple = 256
    spec.axes = axes
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  private static let all: @Sendable () throws -> LayerAxes = {
    try axes(free: ["0", "0.25", "8"], windows: ["none", "5:1x512"], pairs: [false, true])
  }

  // MARK: Enumeration

  /// A LLaMA whose layers are spelled out: without attention where `free` says so, with a window where
  /// `windowed` does.
  private static func spelled(
    hidden: Int, intermediate: Int, heads: Int, keyValueHeads: Int, free: [Bool], windowed: [Bool],
    window: Int, sharing: [Int: Int]
  ) -> Architecture {
    var architecture = Architecture(
      name: "", hiddenSize: hidden, intermediateSize: intermediate, layers: 1, queryHeads: heads,
      keyValueHeads: keyValueHeads, headDimension: 16, vocabularySize: 256)
    let whole = architecture.layers[0]
    architecture.layers = LayerStack(
      zip(free, windowed).map { free, windowed in
        var layer = whole
        if windowed { layer.attention?.window = window }
        if free { layer.attention = nil }
        return layer
      }, sharing: sharing)
    return architecture
  }

  /// Every combination of sizes and patterns, parameters counted by the architecture itself.
  @Test func everyCombinationIsFoundOnce() throws {
    var space = DesignSpace(parameters: 100_000, layers: [4, 5], headDimensions: [16])
    space.tolerance = 0.02
    space.hiddenMultiple = 32
    space.intermediateMultiple = 32
    space.gqa = .atMost(2)
    space.axes = try Self.axes(
      free: ["0", "50%", "3"], windows: ["none", "1:1x64"], pairs: [false, true])
    let template = Self.spelled(
      hidden: 32, intermediate: 32, heads: 1, keyValueHeads: 1, free: [false], windowed: [false],
      window: 0, sharing: [:])
    var found: Set<Architecture> = []
    var patterns: Set<LayerPattern> = []
    space.visitShapes { shape in
      let architecture = shape.architecture(like: template, name: "")
      #expect(found.insert(architecture).inserted, "\(shape.name) came twice")
      #expect(architecture.parameters.nonEmbedding == shape.parameters)
      #expect(abs(architecture.mlpToAttentionRatio - shape.mlpToAttentionRatio) < 1e-12)
      #expect(abs(architecture.normalizedHiddenSize - shape.normalizedHiddenSize) < 1e-12)
      #expect(Shape(architecture) == shape)
      patterns.insert(shape.pattern)
    }
    // By hand: of each layer `.` (whole), `w` (with a window) or `-` (without attention).
    let stacks: [(String, [Int: Int])] = [
      ("....", [:]), ("w.w.", [:]), (".--.", [:]), ("w--.", [:]), (".--.", [2: 1]),
      ("w--.", [2: 1]), (".---", [:]), ("w---", [:]), (".---", [2: 1]), ("w---", [2: 1]),
      (".....", [:]), ("w.w.w", [:]), (".---.", [:]), ("w---.", [:]), (".---.", [2: 1]),
      ("w---.", [2: 1]),
    ]
    var expected: Set<Architecture> = []
    for (stack, sharing) in stacks {
      for hidden in stride(from: 32, through: 384, by: 32) {
        for heads in 1...100 {
          for keyValueHeads in [heads, heads / 2] where heads % max(1, keyValueHeads) == 0 {
            guard keyValueHeads > 0, heads / keyValueHeads <= 2 else { continue }
            for step in 1...14 {
              let architecture = Self.spelled(
                hidden: hidden, intermediate: 32 * step, heads: heads,
                keyValueHeads: keyValueHeads, free: stack.map { $0 == "-" },
                windowed: stack.map { $0 == "w" }, window: 64, sharing: sharing)
              let count = Double(architecture.parameters.nonEmbedding)
              if abs(count / 100_000 - 1) <= 0.02 { expected.insert(architecture) }
            }
          }
        }
      }
    }
    let (surplus, missing) = (found.subtracting(expected), expected.subtracting(found))
    #expect(
      surplus.isEmpty && missing.isEmpty, "\(surplus.count) too many, \(missing.count) missing")
    #expect(Set(found.map(\.layers.count)) == [4, 5])
    // Patterns of both depths may be equal: `....` and `.....`.
    #expect(patterns.count == Set(expected.map { LayerPattern($0.layers) }).count)
    #expect(patterns.count > 10)
  }

  /// Without axes everything is as it is without them: the candidates and their order, told by the
  /// FNV-1a hash of their names, which a script computed from docs/search.md's rules.
  @Test func spacesWithoutAxesAreWhatTheyWere() throws {
    var space = DesignSpace(parameters: 20e6, layers: [4, 6], headDimensions: [32, 64])
    space.hiddenMultiple = 64
    space.intermediateMultiple = 64
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var count = 0
    func visit(_ shape: Shape) {
      for byte in ((count > 0 ? "\n" : "") + shape.name).utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
      }
      count += 1
    }
    space.visitShapes(visit)
    #expect(count == 43898 && hash == 0x853d_5408_f808_84a0)
    // One value of each axis, the baseline's, changes nothing.
    space.axes = try Self.axes(free: ["0"], windows: ["none"], pairs: [true])
    (hash, count) = (0xcbf2_9ce4_8422_2325, 0)
    space.visitShapes(visit)
    #expect(count == 43898 && hash == 0x853d_5408_f808_84a0)
  }

  @Test func windowsAreOrderedAsGemma3Does() throws {
    let gemma = try zoo.architecture(named: "gemma-3-1b")
    let llama = try zoo.architecture(named: "llama-3.2-1b")
    var space = DesignSpace(parameters: 0.7e9, layers: [gemma.layers.count], headDimensions: [64])
    space.hiddenMultiple = 1024
    space.intermediateMultiple = 256
    space.axes = try Self.axes(windows: ["5:1x512"])
    var shapes: [Shape] = []
    space.visitShapes { shapes.append($0) }
    let candidate = try #require(shapes.first).architecture(like: llama)
    #expect(candidate.layers.map(\.attention?.window) == gemma.layers.map(\.attention?.window))
    #expect(candidate.name.hasSuffix("-w512x5:1"))
    // A space around a baseline whose layers differ keeps them.
    #expect(Shape(gemma).pattern == Shape(candidate).pattern)
  }

  @Test func layersThatDifferStayWithoutAxes() throws {
    for name in ["gemma-3-1b", "shishulm-llama-3.2-1b"] {
      let problem = try problem(LayerAxes(), baseline: name) {
        $0.headDimensions = [64]
        $0.targetLoss = "4"
      }
      let own = problem.baseline.layers
      var count = 0
      problem.space.visitShapes { shape in
        count += 1
        guard count % 50 == 1 else { return }
        let layers = shape.architecture(like: problem.baseline).layers
        #expect(layers.map(\.attention?.window) == own.map(\.attention?.window))
        #expect(layers.map { $0.attention == nil } == own.map { $0.attention == nil })
        #expect(layers.map(\.attention?.rotary?.table) == own.map(\.attention?.rotary?.table))
        #expect(
          shape.architecture(like: problem.baseline).parameters.nonEmbedding == shape.parameters)
      }
      #expect(count > 50, "\(name)")
    }
  }

  // MARK: Prices

  /// A candidate costs what its configuration costs once it is written and read again, whatever was
  /// priced before it.
  @Test func pricesAreThoseOfTheWrittenConfigurations() throws {
    let problem = try problem(Self.all())
    let scenario = problem.scenarios[0]
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    var byPattern: [LayerPattern: [Shape]] = [:]
    problem.space.visitShapes { byPattern[$0.pattern, default: []].append($0) }
    #expect(byPattern.count == 10)
    let chosen = byPattern.values.flatMap { [$0[0], $0[$0.count / 2]] }
    for shape in chosen + chosen.reversed() {
      let architecture = shape.architecture(like: problem.baseline)
      #expect(architecture.name == shape.name && Shape(architecture) == shape)
      let text = try architecture.loadable.configText()
      let again = try Architecture(
        name: shape.name, config: JSONObject(parsing: Data(text.utf8)))
      #expect(again.layers == architecture.layers)
      #expect(Shape(again) == shape)
      #expect((again.modelType == "shishulm") == (shape.pattern != LayerPattern()))
      let predictor = try Predictor(scenario.profile, scenario.engine, scenario.settings)
      let base = try #require(predictor.point(problem.baseline, scenario.workload))
      let point = predictor.point(again, scenario.workload)
      let price = pricer.price(shape)
      #expect((price == nil) == (point == nil), "\(shape.name)")
      guard let price, let point else { continue }
      let gain = log(point.outputTokensPerSecond) - log(base.outputTokensPerSecond)
      #expect(price.gain == gain && price.timeToFirstToken == point.timeToFirstToken)
    }
  }

  @Test func attentionFreeLayersCostNoAttentionAndNoCache() throws {
    let llama = try zoo.architecture(named: "llama-3.2-1b")
    func made(_ axes: LayerAxes) throws -> Architecture {
      var space = DesignSpace(parameters: 1, layers: [16], headDimensions: [64])
      space.parameters = 0.75e9
      space.axes = axes
      space.rules = [try RuleExpression("hidden_size == 2048 and num_attention_heads == 32")]
      var shape: Shape?
      space.visitShapes { if shape == nil { shape = $0 } }
      var sizes = try #require(shape)
      (sizes.intermediateSize, sizes.keyValueHeads) = (8192, 8)
      return sizes.architecture(like: llama)
    }
    let free = try made(Self.axes(free: ["8"]))
    let shared = try made(Self.axes(free: ["8"], pairs: [true]))
    let llamaCounts = llama.parameters
    #expect(2 * free.parameters.attention == llamaCounts.attention)
    #expect(free.parameters.mlp == llamaCounts.mlp)
    #expect(4 * shared.parameters.mlp == 3 * llamaCounts.mlp)
    #expect(2 * free.cacheBytesPerToken(.bf16) == llama.cacheBytesPerToken(.bf16))

    let predictor = try Predictor(
      DeviceZoo.resolve("a100-40gb"), .vllm, Predictor.Settings())
    let workload = ServingWorkload(prompt: 512, generate: 64, batch: 8)
    func seconds(_ architecture: Architecture) throws -> (Prediction, [Operator.Kind: Double]) {
      let prediction = try predictor.predict(architecture, workload, breakdown: true)
      let costs = prediction.operators.map { ($0.kind, $0.cost.seconds) }
      return (prediction, Dictionary(uniqueKeysWithValues: costs))
    }
    let (whole, all) = try seconds(llama)
    let (half, some) = try seconds(free)
    let (pairs, same) = try seconds(shared)
    for kind in [Operator.Kind.attention, .qkvProjection, .outputProjection, .rotaryAndCacheWrite] {
      let (now, before) = (try #require(some[kind]), try #require(all[kind]))
      #expect(abs(2 * now / before - 1) < 1e-9, "\(kind)")
    }
    for kind in [Operator.Kind.gateUpProjection, .downProjection] {
      let (now, before) = (try #require(some[kind]), try #require(all[kind]))
      #expect(abs(now / before - 1) < 1e-9, "\(kind)")
      // Shared weights are read by each use.
      #expect(same[kind] == now)
    }
    #expect(half.point.seconds < whole.point.seconds && pairs.point.seconds == half.point.seconds)
    // Twice as many sequences fit into what weights leave, and more where these are shared.
    #expect(half.largestBatch >= 2 * whole.largestBatch)
    #expect(pairs.largestBatch > half.largestBatch)
    let bytes = Double(half.architecture.parameters.mlp - pairs.architecture.parameters.mlp) * 2
    #expect(half.plan.weights - pairs.plan.weights > 0.999 * bytes)
  }

  // MARK: The search

  @Test func axesAreSearched() throws {
    let problem = try problem(Self.all())
    let result = try ArchitectureSearch(problem).run { _ in }
    let pricer = try ScenarioPricer(
      problem.scenarios, problem.combination, baseline: problem.baseline)
    var surface = LossSurface(problem.predictor)
    var (count, best) = (0, -Double.infinity)
    problem.space.visitShapes { shape in
      count += 1
      guard
        surface.loss(shape, vocabularySize: problem.baseline.vocabularySize) <= problem.targetLoss,
        let price = pricer.price(shape)
      else {
        return
      }
      best = max(best, price.gain)
    }
    #expect(result.enumerated == count)
    let found = try #require(result.contenders.max { $0.logGain < $1.logGain })
    #expect(abs(found.logGain - best) < 1e-9)
    // Attention and its cache cost most here: what has less of both wins.
    #expect(found.shape.pattern.attentionFree > 0)
    for candidate in result.contenders {
      let shape = candidate.shape
      #expect(problem.admits(shape), "\(shape.name)")
      #expect(candidate.isPatternVerified == (shape.pattern == LayerPattern()))
      #expect(
        abs(
          surface.loss(shape, vocabularySize: problem.baseline.vocabularySize)
            - candidate.loss.value) < 1e-12)
    }
    let report = SearchReport(result)
    #expect(report.table.contains("blind to layers without attention"))
    for candidate in result.candidates {
      #expect(report.table.contains(candidate.shape.pattern.words.joined(separator: " ")))
    }
    let fields = try JSONObject(parsing: Data(report.json().utf8))
    guard case .object(let first)? = try fields.array("candidates")?.first else {
      Issue.record("no candidate")
      return
    }
    #expect(first["pattern_verified"] == .bool(result.candidates[0].isPatternVerified))
  }

  @Test func plainSearchesDoNotSpeakOfPatterns() throws {
    let result = try ArchitectureSearch(problem(LayerAxes())).run { _ in }
    #expect(result.candidates.allSatisfy { $0.isPatternVerified })
    #expect(!SearchReport(result).table.contains("blind to layers without attention"))
  }

  @Test func patternsAreNoCopiesOfEachOther() throws {
    let llama = Shape(try zoo.architecture(named: "llama-3.2-1b"))
    var shapes: Set<Shape> = [llama]
    try problem(Self.all()).space.visitShapes {
      if $0.hiddenSize == 2048, $0.queryHeads == 32, $0.keyValueHeads == 8 { shapes.insert($0) }
    }
    let distance = ShapeDistance()
    for (first, second) in zip(Array(shapes), shapes.dropFirst()) {
      if first.pattern != second.pattern { #expect(!ShapeDistance.areCopies(first, second)) }
      #expect(distance.correlation(first, second) < 1)
    }
  }

  // MARK: Bad input

  @Test func specificationsGiveLists() throws {
    let spec = try SearchSpec(
      "attention_free: [0, 25%, 0.5, 8]\nwindows: [none, 5:1x512]\nshared_pairs: [false, true]",
      folder: Files.fixtures)
    #expect(
      spec.axes
        == (try Self.axes(
          free: ["0", "0.25", "50%", "8"], windows: ["none", "5:1x512"], pairs: [false, true])))
    var options = SearchSpec()
    options.axes.windows = [try #require(WindowPattern("1:1x64"))]
    let merged = spec.overridden(by: options).axes
    #expect(merged.windows == options.axes.windows && merged.sharedPairs == [false, true])
  }

  @Test(arguments: [
    ("count: 3\nattention_free: [0, 1.5]", "line 2: attention_free", "\"1.5\""),
    ("attention_free: -1", "line 1: attention_free", "a share such as 0.25"),
    ("attention_free: [100%]", "line 1: attention_free", "\"100%\""),
    ("windows:\n  - none\n  - 5:1", "line 3: windows", "5:1x512"),
    ("windows: 0:1x512", "line 1: windows", "5:1x512"),
    ("windows: 5:1x0", "line 1: windows", "5:1x512"),
    ("windows: [512]", "line 1: windows", "none"),
    ("shared_pairs: [maybe]", "line 1: shared_pairs", "true or false"),
    ("shared_pair: true", "line 1", "shared_pairs?"),
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
      _ parts: String..., axes: LayerAxes, baseline: String = "llama-3.2-1b"
    ) {
      let error = #expect(throws: InputError.self) {
        try problem(axes, baseline: baseline) { $0.targetLoss = "4" }
      }
      for part in parts {
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
      }
    }
    expectRefusal(
      "attention_free", "16 leaves none of 16 layers", axes: try Self.axes(free: ["16"]))
    expectRefusal("attention_free", "0.99", axes: try Self.axes(free: ["0.99"]))
    expectRefusal("windows", "empty", axes: try Self.axes(windows: []))
    expectRefusal(
      "gemma-3-1b differ", "equal layers", axes: try Self.axes(free: ["4"]), baseline: "gemma-3-1b")
    expectRefusal("olmo2", "free4", axes: try Self.axes(free: ["4"]), baseline: "olmo-2-1b")
  }
}
