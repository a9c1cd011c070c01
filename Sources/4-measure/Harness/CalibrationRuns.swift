import Formats
import Foundation
import Input
import Machine
import Model
import Numerics
import Records
import Weights

/// Measures this machine for the cost model.
///
/// Architectures of about 350M parameters and many shapes are measured a few at a time, interleaved, with
/// their operators traced. One of them takes part in every run, so that what the machine did meanwhile can
/// be told from what an architecture costs. A pass measures all; the next one splits them anew.
public struct CalibrationRuns {
  public struct Settings: Sendable {
    /// Storage of weights, each of which is measured.
    public var dtypes: [WeightFormat] = [.bf16]
    public var threads: Int?
    public var budgetSeconds = 1200.0
    public var seed: UInt64 = 0

    public init() {}
  }

  /// One run of a few architectures.
  public struct Run: Sendable {
    public var name: String
    public var records: [ThroughputRecord]
    public var operators: [OperatorTiming]
  }

  /// Hidden size, layers, query heads, KV heads, intermediate size. Hidden sizes decide what the vocabulary
  /// costs, KV heads what the cache does: both vary, and not together.
  private static let shapes = [
    (768, 24, 24, 6, 5056), (896, 20, 14, 14, 5312), (1024, 16, 16, 4, 6272),
    (1152, 18, 18, 18, 4096), (1408, 16, 22, 11, 3776), (1536, 16, 24, 24, 2688),
    (1792, 16, 28, 4, 2688), (2048, 12, 32, 16, 2688), (2304, 12, 18, 9, 1920),
  ]
  private static let reference = (1280, 16, 20, 5, 4608)
  private static let headDimension = 64
  private static let vocabulary = 32768
  /// Beside the reference.
  private static let together = 3
  /// Of which each tells the machine's mood apart from the others'.
  private static let fewestRuns = 3

  private static let tests =
    [1, 4, 16].map { ThroughputTest(.decode(1), depth: 0, batch: $0) }
    + [1, 4].map { ThroughputTest(.decode(1), depth: 2048, batch: $0) }
    + [ThroughputTest(.prefill(128), depth: 0, batch: 1)]
  private static let repetitions = 9
  private static let tracedRounds = 3

  private let settings: Settings
  private let report: (String) -> Void

  public init(_ settings: Settings, report: @escaping (String) -> Void) {
    self.settings = settings
    self.report = report
  }

  /// - Parameters:
  ///   - stopped: whether to end after the run at hand.
  ///   - keep: is given each run as it ends.
  /// - Throws: `InputError` where the budget holds too few runs to be fitted to.
  public func run(stopped: () -> Bool, keep: (Run) throws -> Void) throws {
    var order = SeededGenerator(seed: settings.seed)
    let start = SteadyClock.nanoseconds()
    func elapsed() -> Double { Double(SteadyClock.nanoseconds() - start) * 1e-9 }
    var runs = 0
    var longest = 0.0
    let reference = try Self.architecture(Self.reference)
    for pass in 1... {
      let shapes = Self.shapes.shuffled(using: &order)
      let parts = stride(from: 0, to: shapes.count, by: Self.together).flatMap { first in
        settings.dtypes.map { (first, $0) }
      }
      for (first, dtype) in parts.shuffled(using: &order) {
        guard !stopped(), runs < Self.fewestRuns || elapsed() + longest < settings.budgetSeconds
        else { return }
        let others = try shapes[first..<min(first + Self.together, shapes.count)]
          .map(Self.architecture)
        let name = "pass-\(pass)-\(dtype)-\(first / Self.together + 1)"
        let begin = elapsed()
        try keep(
          measure(
            [reference] + others, dtype, named: name, left: left(elapsed()), isFirst: runs == 0))
        runs += 1
        longest = max(longest, elapsed() - begin)
        // What is enough for a fit is not given up for a slow minute.
        let least = Double(Self.fewestRuns) * longest
        guard runs >= Self.fewestRuns || least < settings.budgetSeconds else {
          throw InputError(
            "budget",
            problem: "is \(TimeSpan(seconds: settings.budgetSeconds).roundedUp), and the "
              + "\(Self.fewestRuns) runs that a fit needs take about "
              + TimeSpan(seconds: least).roundedUp,
            expected: "more than that")
        }
      }
    }
  }

  private func left(_ elapsed: Double) -> String {
    TimeSpan(seconds: max(1, settings.budgetSeconds - elapsed)).roundedUp + " left"
  }

  private func measure(
    _ architectures: [Architecture], _ dtype: WeightFormat, named name: String, left: String,
    isFirst: Bool
  ) throws -> Run {
    var bench = ThroughputBench.Settings()
    bench.dtype = dtype
    bench.threads = settings.threads
    bench.seed = settings.seed
    bench.repetitions = Self.repetitions
    if isFirst {
      // Its warm-ups tell whether a run fits into its part of the budget.
      bench.fewestRounds = Self.repetitions
      bench.longestSeconds = settings.budgetSeconds / Double(Self.fewestRuns)
    }
    let results: ThroughputBench.Results
    do {
      results = try ThroughputBench(Self.tests, bench) { report("\(name), \(left): \($0)") }
        .run(architectures, tracedRounds: Self.tracedRounds)
    } catch let error as InputError where error.location == ["budget"] {
      throw InputError(
        "budget",
        problem: "is \(TimeSpan(seconds: settings.budgetSeconds).roundedUp), of which each of the "
          + "\(Self.fewestRuns) runs that a fit needs has a part: that \(error.problem)",
        expected: "\(Self.fewestRuns) times that much")
    }
    return Run(name: name, records: results.records, operators: results.operators)
  }

  private static func architecture(
    _ shape: (hidden: Int, layers: Int, queryHeads: Int, keyValueHeads: Int, intermediate: Int)
  ) throws -> Architecture {
    try Architecture(
      name: "d\(shape.hidden)-l\(shape.layers)-h\(shape.queryHeads)-k\(shape.keyValueHeads)"
        + "-f\(shape.intermediate)",
      config: JSONObject([
        "model_type": .string("llama"), "hidden_size": .integer(shape.hidden),
        "num_hidden_layers": .integer(shape.layers),
        "num_attention_heads": .integer(shape.queryHeads),
        "num_key_value_heads": .integer(shape.keyValueHeads),
        "head_dim": .integer(headDimension), "intermediate_size": .integer(shape.intermediate),
        "vocab_size": .integer(vocabulary), "max_position_embeddings": .integer(32768),
        "rms_norm_eps": .number(1e-5), "rope_theta": .number(500_000),
        "tie_word_embeddings": .bool(true),
      ]))
  }
}
