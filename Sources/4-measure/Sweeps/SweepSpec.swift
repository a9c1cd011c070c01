import Formats
import Foundation
import Harness
import Input
import Model

/// A grid of what to measure, from a YAML file. Keys are the options of `dyno bench`; most take a
/// value or a list.
public struct SweepSpec: Sendable {
  /// Distinct cells, in the file's order.
  public private(set) var cells: [SweepCell] = []
  /// Combinations of a generated grid that are no architecture, and why.
  public private(set) var impossible: [String] = []
  /// How often each cell is measured, every block in a new random order.
  public private(set) var blocks = 1
  /// Seconds that a cell may take.
  public private(set) var timeLimit: Double?
  /// Of weights, tokens and the order of cells.
  public private(set) var seed: UInt64 = 0
  /// The file's text.
  public let text: String

  private static let kind = "a sweep's specification"
  /// More cells, each counted once a block, are a mistake: they would take months.
  static let mostCells = 100_000

  /// Reads a file.
  public init(contentsOf path: String) throws {
    self = try within(path) {
      try SweepSpec(
        InputFile.specification.text(at: path), folder: InputFile.folder(of: path))
    }
  }

  private enum Key: String, CaseIterable {
    case architectures, dtype, threads, prompt, generate, depth, batch, chunk, repetitions, seed
    case blocks, workload, exact, precision, budget, routing
    case cacheDType = "cache_dtype"
    case timeLimit = "time_limit"
  }

  /// - Parameter folder: what paths in the text are relative to.
  public init(_ text: String, folder: URL) throws {
    self.text = text
    let root = try SpecNode(parsing: text, as: Self.kind)
    let fields = try root.fields(Key.allCases.map(\.rawValue))
    func field(_ key: Key) -> SpecNode? { fields[key.rawValue] }
    func list<Value>(
      _ key: Key, _ absent: [Value], _ read: (SpecNode) throws -> Value
    ) throws -> [Value] {
      guard let node = field(key) else { return absent }
      let values = try node.list().map(read)
      guard !values.isEmpty else { throw node.error("is an empty list", expected: "a value") }
      return values
    }
    let defaults = ThroughputBench.Settings()
    let counts = 0...10_000_000
    let positive = 1...10_000_000
    if let node = field(.seed) { seed = try node.seed() }
    if let node = field(.blocks) { blocks = try node.count(1...1000) }
    timeLimit = try field(.timeLimit)?.seconds()

    // Where there are workloads, prompts and generated tokens apart only if they are asked for.
    let workloads = try list(.workload, []) { try $0.workload() }
    let exact = try field(.exact)?.flag() ?? false
    let prompts = try list(.prompt, workloads.isEmpty ? [512] : []) { try $0.count(counts) }
    let generates = try list(.generate, workloads.isEmpty ? [128] : []) { try $0.count(counts) }
    let phases =
      prompts.filter { $0 > 0 }.map(ThroughputTest.Phase.prefill)
      + generates.filter { $0 > 0 }.map(ThroughputTest.Phase.decode)
      + workloads.map { .workload(prompt: $0.prompt, generate: $0.generate, exact: exact) }
    guard !phases.isEmpty else {
      throw InputError(
        "prompt, generate", problem: "both are 0: the grid is empty",
        expected: "something to measure")
    }
    let depths = try list(.depth, [0]) { try $0.count(counts) }
    let batches = try list(.batch, [1]) { try $0.count(positive) }
    var sampling = defaults
    sampling.seed = seed
    sampling.repetitions = try field(.repetitions)?.count(1...1_000_000)
    if let node = field(.precision) { sampling.precision = try node.share() }
    if let node = field(.budget) { sampling.budgetSeconds = try node.seconds() }
    if let node = field(.precision), sampling.precision == 0 {
      throw node.error("is 0%", expected: "a share above it")
    }
    let dtypes = try list(.dtype, [defaults.randomDType]) { try $0.word(WeightFormat.allCases) }
    let caches = try list(.cacheDType, [defaults.cacheDType]) { try $0.word(DType.ofCaches) }
    let threads: [Int?] = try list(.threads, [nil]) { try $0.count(1...100_000) }
    let chunks = try list(.chunk, [defaults.chunk]) { try $0.count(positive) }
    let routings: [Double?] = try list(.routing, [nil]) { try $0.routing() }

    guard let node = field(.architectures) else {
      throw InputError(
        "architectures", problem: "is missing: the grid is empty",
        expected: "zoo names, files or generated architectures")
    }
    // Before anything is made of the lists: a short file may name more cells than fit into memory.
    let ofOneArchitecture = try node.cells([
      batches.count, depths.count, phases.count, dtypes.count, caches.count, threads.count,
      chunks.count, routings.count, blocks,
    ])
    let architectures = try readArchitectures(node, folder: folder)
    guard !architectures.isEmpty else {
      throw node.error(
        "the grid is empty" + (impossible.first.map { " (\($0))" } ?? ""),
        expected: "at least one architecture")
    }
    _ = try node.cells([architectures.count, ofOneArchitecture])

    let tests = batches.flatMap { batch in
      depths.flatMap { depth in phases.map { ThroughputTest($0, depth: depth, batch: batch) } }
    }
    var settings: [ThroughputBench.Settings] = []
    for dtype in dtypes {
      for cache in caches {
        for thread in threads {
          for chunk in chunks {
            for routing in routings {
              var setting = sampling
              setting.dtype = dtype
              setting.cacheDType = cache
              setting.threads = thread
              setting.chunk = chunk
              setting.routing = routing
              settings.append(setting)
            }
          }
        }
      }
    }
    var seen: Set<String> = []
    for architecture in architectures {
      for var setting in settings {
        setting.routing = setting.routing(of: architecture)?.exponent
        for test in tests {
          let cell = SweepCell(architecture: architecture, test: test, settings: setting)
          if seen.insert(cell.contentKey).inserted { cells.append(cell) }
        }
      }
    }
  }

  // MARK: Architectures

  private mutating func readArchitectures(
    _ node: SpecNode, folder: URL
  ) throws -> [Architecture] {
    // All entries are counted before one is made, and what turns out to be impossible counts: it is
    // tried as well.
    var combinations = 0
    let entries = try node.list().map { entry -> (node: SpecNode, grid: ArchitectureGrid?) in
      let grid = try entry.isMapping ? Self.grid(entry, folder: folder) : nil
      combinations += try node.cells([grid?.count ?? 1])
      _ = try node.cells([combinations])
      return (entry, grid)
    }
    var architectures: [Architecture] = []
    for (entry, grid) in entries {
      if let grid {
        let (found, impossible) = grid.architectures()
        architectures += found
        self.impossible += impossible
      } else {
        architectures.append(try Self.resolve(entry, folder: folder))
      }
    }
    return architectures
  }

  /// A path below the specification's folder, or a zoo name.
  private static func resolve(_ node: SpecNode, folder: URL) throws -> Architecture {
    let name = try node.text()
    do {
      return try Zoo.resolve(name, below: folder)
    } catch let error as InputError {
      throw InputError(
        problem: error.description
      ).within(node.error("").location.joined(separator: ": "))
    }
  }

  private static func grid(_ node: SpecNode, folder: URL) throws -> ArchitectureGrid {
    let fields = try node.fields(["base", "vary", "fixed_parameters"])
    guard let baseNode = fields["base"], let varyNode = fields["vary"] else {
      throw node.error("lacks base or vary", expected: "base: ARCH and vary: {FIELD: [VALUES]}")
    }
    let base = try resolve(baseNode, folder: folder)
    let axes = try varyNode.fields(ArchitectureGrid.Field.allCases.map(\.rawValue))
    let vary = try ArchitectureGrid.Field.allCases.compactMap { field in
      try axes[field.rawValue].map { axis in
        let counts = field == .layers ? Architecture.layerCounts : 1...(1 << 24)
        return (field: field, values: try axis.list().map { try $0.count(counts) })
      }
    }
    guard !vary.isEmpty, vary.allSatisfy({ !$0.values.isEmpty }) else {
      throw varyNode.error("varies nothing", expected: "{FIELD: [VALUES]}")
    }
    if axes["gqa"] != nil, axes["num_key_value_heads"] != nil {
      throw varyNode.error("has both gqa and num_key_value_heads", expected: "one of them")
    }
    var grid = ArchitectureGrid(base: base, vary: vary)
    if let fixedNode = fields["fixed_parameters"] {
      guard axes["intermediate_size"] == nil else {
        throw varyNode.error(
          "varies intermediate_size, which fixed_parameters solves for", expected: "one of them")
      }
      let options = try fixedNode.fields(["parameters", "multiple", "tolerance"])
      var fixed = ArchitectureGrid.FixedParameters(
        parameters: Double(base.parameters.nonEmbedding))
      if let value = options["parameters"] { fixed.parameters = try value.quantity() }
      if let value = options["multiple"] { fixed.multiple = try value.count(1...65536) }
      if let value = options["tolerance"] { fixed.tolerance = try value.share() }
      grid.fixed = fixed
    }
    return grid
  }
}

extension SpecNode {
  /// The exponent of a `Routing`.
  fileprivate func routing() throws -> Double {
    let range = Routing.exponents
    return try value("\(range.lowerBound) to \(range.upperBound)") { text in
      Double(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// The product of lists' lengths.
  ///
  /// - Throws: `InputError` where a grid of them has more cells than a sweep may.
  fileprivate func cells(_ lengths: [Int]) throws -> Int {
    var count = 1
    for length in lengths {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard !overflow, product <= SweepSpec.mostCells else {
        throw error(
          "the grid has more than \(SweepSpec.mostCells) cells, each counted once a block",
          expected: "shorter lists or fewer blocks")
      }
      count = product
    }
    return count
  }
}
