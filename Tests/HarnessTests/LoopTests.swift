import Harness
import Machine
import Testing

/// The loops on a machine whose time is counted rather than spent.
@Suite struct LoopTests {
  /// Each run takes its cell's seconds; each sample of limits a tenth, and sees a bandwidth that
  /// grows from sample to sample.
  private final class Stage: SamplingStage {
    private var time = 0
    private let seconds: [Double]
    private(set) var runs: [Int] = []
    /// When limits were sampled, and after how many runs.
    private(set) var limitSamples: [(nanoseconds: Int, runs: Int)] = []

    init(_ seconds: [Double]) { self.seconds = seconds }

    func nanoseconds() -> Int { time }

    func sampleLimits() -> MachineLimits {
      time += 100_000_000
      limitSamples.append((time, runs.count))
      return MachineLimits(
        threads: 1, instructionSet: "", readBandwidth: Double(limitSamples.count), samples: 1)
    }

    func run(_ cell: Int) throws -> StageRun {
      runs.append(cell)
      time += Int(seconds[cell] * 1e9)
      return StageRun(segments: [seconds[cell]], seconds: seconds[cell])
    }
  }

  private func settings(
    repetitions: Int? = nil, precision: Double = 0.01, budget: Double = 60
  ) -> ThroughputBench.Settings {
    var settings = ThroughputBench.Settings()
    settings.repetitions = repetitions
    settings.precision = precision
    settings.budgetSeconds = budget
    return settings
  }

  private func sample(
    _ stage: Stage, tests: [[Int]], _ settings: ThroughputBench.Settings
  ) throws -> [CellSamples] {
    let cells = tests.joined().count
    return try SamplingLoop(tests: tests, tokens: Array(repeating: 10, count: cells), settings)
      .run(on: stage, LimitsWatch(stage))
  }

  @Test func repetitionsAreCounted() throws {
    let stage = Stage([1, 2, 3, 4])
    let cells = try sample(stage, tests: [[0, 2], [1, 3]], settings(repetitions: 5))
    #expect(cells.map(\.samples.count) == [5, 5, 5, 5])
    #expect(cells[1].rates.values == Array(repeating: 5, count: 5))
    // A block has every cell once, those of a test side by side.
    for block in 0..<5 {
      let order = stage.runs[(4 * block)..<(4 * block + 4)]
      #expect(Set(order) == [0, 1, 2, 3])
      #expect([[0, 2], [1, 3]].contains(order.prefix(2).sorted()))
    }
    let orders: [[Int]] = stride(from: 0, to: 20, by: 4).map { Array(stage.runs[$0..<$0 + 4]) }
    #expect(Set(orders).count > 1)
  }

  @Test func theBudgetEndsIt() throws {
    // Equal times are precise as soon as there is an interval, so that is not asked for.
    let stage = Stage([1])
    let cells = try sample(stage, tests: [[0]], settings(precision: -1, budget: 10))
    // Runs of a second, and 0.1 s of limits before and after each.
    #expect((9...10).contains(cells[0].samples.count))
    #expect(cells[0].samples.allSatisfy { $0.startSeconds <= 10.2 })
    // Every cell has a sample, whatever the budget.
    let slow = try sample(
      Stage([50, 60]), tests: [[0], [1]], settings(precision: -1, budget: 1))
    #expect(slow.map(\.samples.count) == [1, 1])
  }

  /// Rounds that must be whole are, whatever the budget; what was spent before counts.
  @Test func theFewestRoundsAreWhole() throws {
    var settings = settings(precision: -1, budget: 1)
    settings.fewestRounds = 6
    let cells = try sample(Stage([5, 6]), tests: [[0], [1]], settings)
    #expect(cells.map(\.samples.count) == [6, 6])
    let stage = Stage([1])
    let late = try SamplingLoop(
      tests: [[0]], tokens: [10], self.settings(precision: -1, budget: 10), spentSeconds: 8
    ).run(on: stage, LimitsWatch(stage))
    #expect((1...3).contains(late[0].samples.count))
  }

  @Test func aStopKeepsTheSamples() throws {
    let stage = Stage([1, 1])
    let cells = try SamplingLoop(
      tests: [[0], [1]], tokens: [10, 10], settings(repetitions: 9),
      stopped: { stage.runs.count >= 5 }
    ).run(on: stage, LimitsWatch(stage))
    #expect(cells.map(\.samples.count).reduce(0, +) == 5)
    #expect(cells.map(\.samples.count).max() == 3)
  }

  @Test func precisionEndsACell() throws {
    let stage = Stage([0.1, 0.2])
    let cells = try sample(stage, tests: [[0], [1]], settings(budget: 1000))
    // The first look is at 8 samples, and equal times could not be known better.
    #expect(cells.map(\.samples.count) == [8, 8])
  }

  /// Limits half a second old still hold; older ones do not.
  @Test func limitsAreFresh() throws {
    let short = Stage([0.1])
    _ = try sample(short, tests: [[0]], settings(repetitions: 30))
    // 3 seconds of runs: 3 samples to begin with, then one each 0.6 s or so.
    #expect((6...9).contains(short.limitSamples.count), "\(short.limitSamples.count)")
    let long = Stage([1])
    let cells = try sample(long, tests: [[0]], settings(repetitions: 4))
    // Of each sample the better of right before and right after, which grows here.
    let around = cells[0].samples.map(\.limits.readBandwidth)
    #expect(around == [4, 5, 6, 7])
    for (run, sample) in long.limitSamples.dropFirst(3).enumerated() {
      #expect(sample.runs == run + 1)
    }
  }

  /// A closed loop's samples are judged by the limits right before and after their block, which
  /// nothing interrupts.
  @Test func pairedBlocksHaveLimitsOfTheirOwn() throws {
    let stage = Stage([1, 2, 3])
    let limits = LimitsWatch(stage)
    let cells = try PairedLoop(cellCount: 3, tokens: 1, settings(repetitions: 4))
      .run(on: stage, limits)
    #expect(cells.map(\.samples.count) == [12, 4, 4])
    for cell in cells {
      for sample in cell.samples {
        // Samples 1 to 3 come first; each block then has one after it.
        #expect(sample.limits.readBandwidth == Double(4 + sample.block))
      }
    }
    #expect(limits.best.readBandwidth == 7 && limits.best.samples == 7)
    for sample in stage.limitSamples { #expect(sample.runs % 5 == 0) }
    // The baseline is before and after every candidate.
    for block in 0..<4 {
      let order = stage.runs[(5 * block)..<(5 * block + 5)]
      #expect(order.enumerated().allSatisfy { ($0.element == 0) == ($0.offset % 2 == 0) })
      #expect(Set(order) == [0, 1, 2])
    }
  }
}
