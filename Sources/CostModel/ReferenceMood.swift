import Architectures
import Foundation
import Numerics
import Operators
import Records

/// What a shared machine did during each run, told by a reference architecture that every run
/// measured beside its own, interleaved.
///
/// What a block of samples did is told by the median of the run's architectures in it; in a run an
/// architecture is as fast as the median of its times over that, in all blocks of a cell. Bandwidth,
/// clock and neighbours hit all alike. This cancels more than limits sampled between the tests do,
/// since the others run the same code.
///
/// But a run is good or bad to each architecture in it by some percent, to the reference too. So an
/// architecture's usual time, as a multiple of the reference's, is that of a robust fit to all runs
/// of the cell, with Huber's loss: logarithm = architecture + run. Whatever two runs have in common
/// ties them, and what one run did to one architecture does not spread to the others.
///
/// How long one cell usually takes beside another is told by runs of the reference alone: their
/// cells are interleaved, while the others were measured in whatever minutes they came.
package struct ReferenceMood {
  package let reference: String
  /// By cell and architecture: the logarithm of its usual seconds over the reference's.
  private let relatives: [Place: Double]
  /// By cell: the reference's usual seconds.
  private let usual: [String: Double]
  /// By trace: what its operators' seconds are multiplied by.
  private var operators: [Trace: Double] = [:]

  private struct Place: Hashable {
    let cell: String
    let architecture: String
  }

  /// A run's operators of one architecture: in a step of so many sequences, or `nil` for all.
  private struct Trace: Hashable {
    let run: String
    let architecture: String
    let batch: Int?
  }

  /// - Returns: `nil` where no architecture is in all of at least 3 runs that measured more than
  ///   one.
  package init?(_ measurements: Measurements) {
    let names = Dictionary(grouping: measurements.runs, by: \.run)
      .mapValues { Set($0.map(\.architecture.name)) }.values.filter { $0.count > 1 }
    guard names.count >= 3,
      let reference = names.dropFirst().reduce(names.first!, { $0.intersection($1) }).sorted().first
    else { return nil }
    self.reference = reference
    let ofReference = measurements.runs.filter { $0.architecture.name == reference }
    var relatives: [Place: Double] = [:]
    for (cell, runs) in Dictionary(grouping: measurements.runs, by: Self.cell) {
      for (architecture, logarithm) in Self.relatives(Self.levels(runs, reference), reference) {
        relatives[Place(cell: cell, architecture: architecture)] = logarithm
      }
    }
    self.relatives = relatives
    let accompanied = Set(
      measurements.runs.filter { $0.architecture.name != reference }.map(\.run))
    usual = Self.usual(ofReference, alone: ofReference.filter { !accompanied.contains($0.run) })
    operators = operatorScales(measurements)
  }

  /// How fast an architecture was in a run, beside the others in it.
  private struct Level {
    let run: String
    let architecture: String
    /// A logarithm, and how far it may be off.
    let value, error: Double
  }

  /// What runs do to an architecture by itself, in logarithms: the memory that a process gets, say.
  private static let spreadOfRuns = 0.02

  /// One cell's levels, of the runs that have the reference.
  private static func levels(_ runs: [WholeRun], _ reference: String) -> [Level] {
    Dictionary(grouping: runs, by: \.run).values.flatMap { together -> [Level] in
      let shared = blocks(together)
      let levels = together.compactMap { run -> Level? in
        let ofRun = ratios(run, to: shared)
        guard !ofRun.isEmpty else { return nil }
        let median = Quantiles.median(ofRun)
        // Of a median, by the median deviation: both as of normal noise.
        let deviation = 1.4826 * Quantiles.median(ofRun.map { abs($0 - median) })
        let error = (Double.pi / 2 / Double(ofRun.count)).squareRoot() * deviation
        return Level(
          run: run.run, architecture: run.architecture.name, value: median,
          error: (error * error + spreadOfRuns * spreadOfRuns).squareRoot())
      }
      return levels.contains { $0.architecture == reference } ? levels : []
    }
  }

  /// By architecture of one cell: the logarithm of its usual time over the reference's.
  private static func relatives(_ levels: [Level], _ reference: String) -> [String: Double] {
    guard !levels.isEmpty else { return [:] }
    let others = Set(levels.map(\.architecture)).subtracting([reference]).sorted()
    let runs = Set(levels.map(\.run)).sorted()
    let place = Dictionary(uniqueKeysWithValues: (others + runs).enumerated().map { ($1, $0) })
    let model = ResidualModel(rows: levels.count) { row, parameters, gradient in
      let level = levels[row]
      for index in gradient.indices { gradient[index] = 0 }
      var residual = level.value
      for index in [place[level.architecture], place[level.run]].compactMap({ $0 }) {
        residual -= parameters[index]
        gradient[index] = -1 / level.error
      }
      return residual / level.error
    }
    // Huber's choice, which loses 5% of the efficiency where noise is normal.
    let solution = HuberRegression.minimize(
      model, start: [Double](repeating: 0, count: place.count), delta: 1.345)
    var logarithms = Dictionary(uniqueKeysWithValues: zip(others, solution.parameters))
    logarithms[reference] = 0
    return logarithms
  }

  /// By cell: the median of the reference's seconds; cells that were interleaved in runs of nothing
  /// else are to each other as they were there, and in the mean as long as by their medians.
  private static func usual(_ ofReference: [WholeRun], alone: [WholeRun]) -> [String: Double] {
    let medians = Dictionary(grouping: ofReference, by: cell)
      .mapValues { Quantiles.median($0.map(\.seconds)) }
    let ties = Dictionary(grouping: alone, by: \.run).values.flatMap { interleaved in
      let together = blocks(interleaved)
      let levels = interleaved.compactMap { run -> (cell: String, log: Double)? in
        let ofRun = ratios(run, to: together)
        guard !ofRun.isEmpty else { return nil }
        return (cell(run), Quantiles.median(ofRun) - log(medians[cell(run)]!))
      }
      let shared = Moments.mean(levels.map(\.log))
      return levels.map { (cell: $0.cell, log: $0.log - shared) }
    }
    let byCell = Dictionary(grouping: ties, by: \.cell)
      .mapValues { exp(Quantiles.median($0.map(\.log))) }
    return Dictionary(uniqueKeysWithValues: medians.map { ($0, $1 * (byCell[$0] ?? 1)) })
  }

  /// What tells apart tests that a run's architectures have in common.
  private static func cell(_ run: WholeRun) -> String {
    "\(run.weights) \(run.cache) \(run.prompt) \(run.generate) \(run.depth) \(run.batch)"
  }

  /// A trace is of one moment, and the reference's of another. But what it holds are the operators
  /// of a step whose usual time is known from many samples: together they take as long.
  ///
  /// - Returns: by trace, what its operators' seconds are to be multiplied by. Only of runs whose
  ///   rows tell which test they are of, and of tests of one step: nothing but such decoding, or one
  ///   prompt alone.
  private func operatorScales(_ measurements: Measurements) -> [Trace: Double] {
    let traced = Dictionary(grouping: measurements.operators) {
      Trace(run: $0.run, architecture: $0.origin, batch: nil)
    }
    var scales: [Trace: Double] = [:]
    let ofRun = Dictionary(grouping: measurements.runs) {
      Trace(run: $0.run, architecture: $0.architecture.name, batch: nil)
    }
    for (whole, tests) in ofRun {
      guard let rows = traced[whole] else { continue }
      if tests.allSatisfy({ $0.prompt == 0 && $0.generate == 1 }) {
        let byBatch = Dictionary(grouping: rows, by: Self.batch)
        for (batch, tests) in Dictionary(grouping: tests, by: \.batch) {
          let trace = Trace(run: whole.run, architecture: whole.architecture, batch: batch)
          scales[trace] = scale(byBatch[batch] ?? [], to: tests)
        }
      } else if tests.count == 1, tests[0].generate == 0,
        tests[0].prompt * tests[0].batch <= tests[0].chunk ?? 0
      {
        scales[whole] = scale(rows, to: tests)
      }
    }
    return scales
  }

  /// What makes a trace's rows take as long as the tests' steps, each traced equally often.
  private func scale(_ rows: [OperatorTiming], to tests: [WholeRun]) -> Double? {
    let seconds = tests.compactMap(self.seconds)
    let steps = rows.reduce(0) { $0 + ($1.kind == .head ? $1.samples : 0) }
    guard seconds.count == tests.count, steps > 0 else { return nil }
    let together = rows.reduce(0) { $0 + $1.seconds * Double($1.samples) }
    return Moments.mean(seconds) * Double(steps) / together
  }

  /// Sequences of the decode step that a row is of.
  private static func batch(_ timing: OperatorTiming) -> Int {
    switch timing.shape {
    case .gemm(let m, _, _): m
    case .rows(let count, _, _): count
    case .attention(let shape): shape.sequences
    }
  }

  /// By block that all of them were measured in: the median logarithm of their seconds.
  private static func blocks(_ together: [WholeRun]) -> [Int: Double] {
    Dictionary(grouping: together.flatMap(\.secondsByBlock), by: \.key)
      .filter { $0.value.count == together.count }
      .mapValues { Quantiles.median($0.map { log($0.value) }) }
  }

  /// Logarithms of a run's seconds over those of its blocks.
  private static func ratios(_ run: WholeRun, to blocks: [Int: Double]) -> [Double] {
    run.secondsByBlock.compactMap { block, seconds in blocks[block].map { log(seconds) - $0 } }
  }

  /// The usual seconds of a run's architecture in its cell; `nil` where the reference was not beside
  /// it.
  package func seconds(_ run: WholeRun) -> Double? {
    relative(run).map { $0 * usual[Self.cell(run)]! }
  }

  /// The same as a multiple of the reference's.
  package func relative(_ run: WholeRun) -> Double? {
    relatives[Place(cell: Self.cell(run), architecture: run.architecture.name)].map { exp($0) }
  }

  /// What a timing is multiplied by to be as it usually is.
  package func scale(_ timing: OperatorTiming) -> Double? {
    [nil, Self.batch(timing)].lazy.compactMap {
      operators[Trace(run: timing.run, architecture: timing.origin, batch: $0)]
    }.first
  }
}
