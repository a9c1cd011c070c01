import Input
import Numerics

/// Takes samples in blocks: each runs once, in random order, the cells that need more, the same test
/// of all architectures one after another, as they are what gets compared.
package struct SamplingLoop {
  /// By test, the cells of its architectures.
  private let tests: [[Int]]
  /// Of one run of each cell.
  private let tokens: [Int]
  private let settings: ThroughputBench.Settings
  private let spentSeconds: Double
  private let stopped: () -> Bool
  private let report: (_ progress: String, _ cell: Int) -> Void

  /// - Parameters:
  ///   - spentSeconds: of the budget, before the first sample.
  ///   - stopped: whether to end with the samples that there are.
  package init(
    tests: [[Int]], tokens: [Int], _ settings: ThroughputBench.Settings,
    spentSeconds: Double = 0, stopped: @escaping () -> Bool = { false },
    report: @escaping (_ progress: String, _ cell: Int) -> Void = { _, _ in }
  ) {
    self.tests = tests
    self.tokens = tokens
    self.settings = settings
    self.spentSeconds = spentSeconds
    self.stopped = stopped
    self.report = report
  }

  /// - Returns: the samples of each cell.
  package func run(on stage: some SamplingStage, _ limits: LimitsWatch) throws -> [CellSamples] {
    var order = SeededGenerator(seed: settings.seed)
    var cells = tokens.map { _ in
      CellSamples(precision: settings.repetitions == nil ? settings.precision : nil)
    }
    let start = stage.nanoseconds()
    func elapsed() -> Double { Double(stage.nanoseconds() - start) * 1e-9 }
    func isSpent() -> Bool {
      settings.repetitions == nil && spentSeconds + elapsed() > settings.budgetSeconds
    }
    var block = 0
    while block < settings.repetitions ?? .max {
      let active = tests.indices.shuffled(using: &order).flatMap { test in
        tests[test].filter { !cells[$0].rates.isPrecise }.shuffled(using: &order)
      }
      guard !active.isEmpty else { break }
      for index in active {
        // The first blocks are always whole: every cell has its samples.
        guard block < settings.fewestRounds || !isSpent(), !stopped() else { return cells }
        report(progress(block, spentSeconds + elapsed()), index)
        let before = limits.before()
        let begin = elapsed()
        let run = try stage.run(index)
        cells[index].add(
          CellSamples.Sample(
            run, block: block, startSeconds: begin, limits: limits.after(before)),
          tokens: tokens[index])
      }
      block += 1
    }
    return cells
  }

  private func progress(_ block: Int, _ elapsed: Double) -> String {
    if let repetitions = settings.repetitions { return "[\(block + 1)/\(repetitions)]" }
    let left = settings.budgetSeconds - elapsed
    return left > 0
      ? "[round \(block + 1), \(TimeSpan(seconds: left).roundedUp) left]"
      : "[round \(block + 1) of at least \(settings.fewestRounds)]"
  }
}
