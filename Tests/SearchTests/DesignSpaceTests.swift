import Input
import Model
import Search
import TestSupport
import Testing

@Suite struct DesignSpaceTests {
  private func shapes(_ space: DesignSpace) -> Set<Shape> {
    var found: Set<Shape> = []
    space.visitShapes { shape in #expect(found.insert(shape).inserted, "\(shape.name) came twice") }
    return found
  }

  /// Every combination of sizes, judged one by one.
  private func bruteForce(_ space: DesignSpace) -> Set<Shape> {
    var found: Set<Shape> = []
    for layers in space.layers {
      for headDimension in space.headDimensions {
        for hiddenSize in stride(
          from: space.hiddenMultiple, through: 1000, by: space.hiddenMultiple)
        {
          for queryHeads in 1...160 {
            for keyValueHeads in 1...queryHeads where queryHeads % keyValueHeads == 0 {
              for step in 1...60 {
                let shape = Shape(
                  layers: layers, hiddenSize: hiddenSize,
                  intermediateSize: step * space.intermediateMultiple, queryHeads: queryHeads,
                  keyValueHeads: keyValueHeads, headDimension: headDimension)
                guard abs(space.excess(shape)) <= space.tolerance else { continue }
                guard space.gqa.allows(shape.gqa), space.meetsTensorParallelism(shape),
                  space.rules.allSatisfy({ $0.isMet(by: shape) })
                else { continue }
                found.insert(shape)
              }
            }
          }
        }
      }
    }
    return found
  }

  @Test func everyArchitectureIsFoundOnce() throws {
    var space = DesignSpace(parameters: 300_000, layers: [2, 3], headDimensions: [16, 32])
    space.tolerance = 0.02
    space.hiddenMultiple = 32
    space.intermediateMultiple = 32
    for gqa in [GQALimit.atMost(1), .atMost(4), .unlimited] {
      space.gqa = gqa
      space.rules = []
      space.tensorParallel = 1
      let found = shapes(space)
      #expect(found == bruteForce(space))
      #expect(!found.isEmpty)
      space.rules = [try RuleExpression("intermediate_size <= 4 * hidden_size and gqa != 2")]
      space.tensorParallel = 2
      let restricted = shapes(space)
      #expect(restricted == bruteForce(space) && restricted.isSubset(of: found))
    }
  }

  @Test func shapesAreArchitecturesOfTheirSize() throws {
    let template = try Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))
      .architecture(named: "llama-3.2-1b")
    var space = DesignSpace(
      parameters: Double(template.parameters.nonEmbedding), layers: [16], headDimensions: [64])
    space.rules = [try RuleExpression("hidden_size == 2560")]
    var count = 0
    space.visitShapes { shape in
      count += 1
      let architecture = shape.architecture(like: template)
      #expect(architecture.parameters.nonEmbedding == shape.parameters)
      #expect(abs(architecture.mlpToAttentionRatio - shape.mlpToAttentionRatio) < 1e-12)
      #expect(abs(architecture.normalizedHiddenSize - shape.normalizedHiddenSize) < 1e-12)
      #expect((try? architecture.validated()) != nil)
    }
    #expect(count > 20)
  }

  @Test func publishedArchitecturesAreInTheirSpaces() throws {
    for (name, gqa) in [("surefire-1b", 9), ("panda-1b", 4), ("surefire-3b", 7), ("panda-3b", 3)] {
      let zoo = Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))
      let architecture = try zoo.architecture(named: name)
      let base = try zoo.architecture(
        named: name.hasSuffix("1b") ? "llama-3.2-1b" : "llama-3.2-3b")
      var space = DesignSpace(
        parameters: Double(base.parameters.nonEmbedding), layers: [base.layers.count],
        headDimensions: [base.headDimension])
      space.gqa = .atMost(gqa)
      var isThere = false
      space.visitShapes { if $0 == Shape(architecture) { isThere = true } }
      #expect(isThere, "\(name)")
    }
  }

  @Test func usualDepths() {
    #expect(DesignSpace.usualLayers(parameters: 1e9) == 16)
    #expect(DesignSpace.usualLayers(parameters: 2.819e9) == 28)
    #expect(DesignSpace.usualLayers(parameters: 1e5) >= 1)
  }

  @Test func anEmptySpaceNamesWhatEmptiesIt() throws {
    var space = DesignSpace(parameters: 973e6, layers: [16], headDimensions: [64])
    space.rules = [
      try RuleExpression("hidden_size >= 1024"), try RuleExpression("intermediate_size < 0.1 * r"),
    ]
    let ruled = EmptySpace(space).explanation().description
    #expect(ruled.contains("intermediate_size < 0.1 * r") && ruled.contains("expected"), "\(ruled)")
    #expect(!ruled.contains("rule \"hidden_size >= 1024\" excludes"), "\(ruled)")

    space.rules = []
    space.parameters = 970e6
    space.hiddenMultiple = 4096
    space.intermediateMultiple = 4096
    space.tolerance = 0.0001
    space.gqa = .atMost(1)
    let coarse = EmptySpace(space).explanation().description
    #expect(coarse.contains("tolerance 0.01%") && coarse.contains("admits"), "\(coarse)")

    space.hiddenMultiple = 65536
    space.intermediateMultiple = 65536
    #expect(EmptySpace(space).explanation().description.contains("empty"))
  }

  /// The nearest shape is 16% off: a tolerance that is refused is no advice.
  @Test func anEmptySpaceAdvisesNoOtherSize() {
    var space = DesignSpace(parameters: 2.24e9, layers: [16], headDimensions: [4096])
    space.hiddenMultiple = 4096
    space.intermediateMultiple = 4096
    space.gqa = .atMost(1)
    let text = EmptySpace(space).explanation().description
    #expect(text.contains("smaller multiples") && !text.contains("tolerance"), "\(text)")
  }
}

@Suite struct StreamTests {
  @Test func frontsHoldWhatNothingBeats() {
    var state: UInt64 = 7
    func random() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double((state >> 33) % 50)
    }
    let points = (0..<400).map { _ in (cost: random(), value: random()) }
    var front = ParetoFront<Int>()
    var other = ParetoFront<Int>()
    for (index, point) in points.enumerated() {
      if index % 2 == 0 {
        front.insert(cost: point.cost, value: point.value, index)
      } else {
        other.insert(cost: point.cost, value: point.value, index)
      }
    }
    front.merge(other)
    let expected = Set(
      points.filter { point in
        !points.contains {
          ($0.cost <= point.cost && $0.value > point.value)
            || ($0.cost < point.cost && $0.value >= point.value)
        }
      }.map { [$0.cost, $0.value] })
    #expect(Set(front.points.map { [$0.cost, $0.value] }) == expected)
    #expect(front.points.count == expected.count)
    for (first, second) in zip(front.points, front.points.dropFirst()) {
      #expect(first.cost < second.cost && first.value < second.value)
    }
  }

  @Test func theBestAreKept() {
    var best = BestList<Int>(capacity: 5)
    var other = BestList<Int>(capacity: 5)
    for value in [3, 9, 1, 7, 7, 2] { best.insert(Double(value), value) }
    for value in [8, 0, 5, 10] { other.insert(Double(value), value) }
    best.merge(other)
    #expect(best.sorted.map(\.element) == [10, 9, 8, 7, 7])
  }
}

@Suite struct GQATests {
  @Test func theLocalSearchStopsEarly() throws {
    let losses = try GQALosses(
      [(8, 2.803), (2, 2.81), (4, 2.803), (6, 2.801), (9, 2.812), (12, 2.79)], baseline: 4)
    #expect(losses.accepted == [2, 4, 6, 8])
    #expect(GQALimit.measured(losses).allows(8) && !GQALimit.measured(losses).allows(12))
    #expect(!GQALimit.measured(losses).allows(5))
    #expect(throws: InputError.self) { try GQALosses([(8, 2.8)], baseline: 4) }
  }

  @Test func headsAroundAnArchitecture() {
    var space = DesignSpace(parameters: 965_000_000, layers: [16], headDimensions: [64])
    space.tolerance = 0.01
    let surefire = Shape(
      layers: 16, hiddenSize: 2560, intermediateSize: 6144, queryHeads: 36, keyValueHeads: 4,
      headDimension: 64)
    let variants = GQALocalSearch.variants(of: surefire, in: space)
    #expect(variants.contains(surefire))
    #expect(variants.map(\.gqa) == variants.map(\.gqa).sorted())
    for variant in variants {
      #expect(variant.queryHeads % variant.keyValueHeads == 0)
      #expect(variant.queryHeads + variant.keyValueHeads == 40)
      #expect(variant.hiddenSize == 2560 && variant.intermediateSize == 6144)
    }
    // H + K = 40 and K divides 40: K = 1, 2, 4, 5, 8, 10, 20.
    #expect(variants.count == 7)
  }

  @Test func measuredLossesAreReadFromCSV() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("gqa.csv")
      try "gqa,loss\n4,2.8\n8,2.79\n".write(to: file, atomically: true, encoding: .utf8)
      #expect(try GQALosses(contentsOf: file, baseline: 4).accepted == [4, 8])
      for (text, part) in [
        ("gqa\n4\n", "loss"), ("gqa,loss\n4,x\n", "row 2"), ("gqa,loss\n0,2.8\n", "column gqa"),
        ("gqa,loss\n4,2.8\n4,2.9\n", "twice"), ("gqa,loss\n8,2.8\n", "GQA 4"),
      ] {
        try text.write(to: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: InputError.self) {
          try GQALosses(contentsOf: file, baseline: 4)
        }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
      }
    }
  }
}
