import Numerics

/// Takes samples in blocks `baseline, candidate, baseline, candidate, …, baseline`, the candidates
/// in a new random order in each.
///
/// The machine's limits are measured between blocks, right before and after each, and never inside
/// one: what they would do to caches must not come between a candidate and its neighbours.
package struct PairedLoop {
  /// The first is the baseline.
  private let cellCount: Int
  /// Of one run.
  private let tokens: Int
  private let settings: ThroughputBench.Settings
  private let report: (String) -> Void

  package init(
    cellCount: Int, tokens: Int, _ settings: ThroughputBench.Settings,
    report: @escaping (String) -> Void = { _ in }
  ) {
    self.cellCount = cellCount
    self.tokens = tokens
    self.settings = settings
    self.report = report
  }

  /// - Returns: the samples of each cell.
  package func run(on stage: some SamplingStage, _ limits: LimitsWatch) throws -> [CellSamples] {
    var order = SeededGenerator(seed: settings.seed, stream: 2)
    var cells = (0..<cellCount).map { _ in CellSamples(precision: nil) }
    let start = stage.nanoseconds()
    let blocks = settings.repetitions ?? 1
    for block in 0..<blocks {
      report("pair \(block + 1) of \(blocks): \(cellCount - 1) candidates and the baseline")
      let before = limits.before()
      var runs: [(cell: Int, begin: Double, run: StageRun)] = []
      func run(_ index: Int) throws {
        let begin = Double(stage.nanoseconds() - start) * 1e-9
        runs.append((index, begin, try stage.run(index)))
      }
      try run(0)
      for index in (1..<cellCount).shuffled(using: &order) {
        try run(index)
        try run(0)
      }
      let around = limits.after(before)
      for (index, begin, run) in runs {
        cells[index].add(
          CellSamples.Sample(run, block: block, startSeconds: begin, limits: around),
          tokens: tokens)
      }
    }
    return cells
  }
}
