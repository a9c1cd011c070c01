import Architectures
import Foundation
import Numerics
import Operators
import Records

/// What a shared machine did during each run, told by a reference architecture that every run
/// measured beside its own, interleaved.
///
/// What a block of samples did is told by the median of the run's architectures in it; an
/// architecture is as fast as the median of its times over that, in all blocks of a cell. Times are
/// restated as multiples of the reference's: bandwidth, clock and neighbours hit both alike. This
/// cancels more than limits sampled between the tests do, since the reference runs the same code.
///
/// How long one cell usually takes beside another is told by runs of the reference alone: their
/// cells are interleaved, while the others were measured in whatever minutes they came.
package struct ReferenceMood {
  package let reference: String
  /// By run: what each block did, and the reference in it.
  private let runs: [Key: (blocks: [Int: Double], reference: Double)]
  /// By cell: the reference's usual seconds.
  private let usual: [String: Double]
  /// By trace: what its operators' seconds are multiplied by.
  private var operators: [Trace: Double] = [:]

  private struct Key: Hashable {
    let run: String
    let cell: String
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
    runs = Dictionary(grouping: measurements.runs) { Key(run: $0.run, cell: Self.cell($0)) }
      .compactMapValues { together in
        guard let beside = together.last(where: { $0.architecture.name == reference }) else {
          return nil
        }
        let blocks = Self.blocks(together)
        return Self.level(of: beside, over: blocks).map { (blocks, $0) }
      }
    let accompanied = Set(
      measurements.runs.filter { $0.architecture.name != reference }.map(\.run))
    usual = Self.usual(ofReference, alone: ofReference.filter { !accompanied.contains($0.run) })
    operators = operatorScales(measurements)
  }

  /// By cell: the median of the reference's seconds; cells that were interleaved in runs of nothing
  /// else are to each other as they were there, and in the mean as long as by their medians.
  private static func usual(_ ofReference: [WholeRun], alone: [WholeRun]) -> [String: Double] {
    let medians = Dictionary(grouping: ofReference, by: cell)
      .mapValues { Quantiles.median($0.map(\.seconds)) }
    let ties = Dictionary(grouping: alone, by: \.run).values.flatMap { interleaved in
      let blocks = blocks(interleaved)
      let ratios = interleaved.compactMap { run in
        level(of: run, over: blocks).map { (cell: cell(run), log: $0 - log(medians[cell(run)]!)) }
      }
      let shared = Moments.mean(ratios.map(\.log))
      return ratios.map { (cell: $0.cell, log: $0.log - shared) }
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

  /// The median logarithm of a run's seconds over its blocks'.
  private static func level(of run: WholeRun, over blocks: [Int: Double]) -> Double? {
    let ratios = run.secondsByBlock.compactMap { block, seconds in
      blocks[block].map { log(seconds) - $0 }
    }
    return ratios.isEmpty ? nil : Quantiles.median(ratios)
  }

  /// The run's seconds as they usually are; `nil` where the reference was not beside it.
  package func seconds(_ run: WholeRun) -> Double? {
    let cell = Self.cell(run)
    guard let usual = usual[cell], let together = runs[Key(run: run.run, cell: cell)],
      let level = Self.level(of: run, over: together.blocks)
    else { return nil }
    return usual * exp(level - together.reference)
  }

  /// What a timing is multiplied by to be as it usually is.
  package func scale(_ timing: OperatorTiming) -> Double? {
    [nil, Self.batch(timing)].lazy.compactMap {
      operators[Trace(run: timing.run, architecture: timing.origin, batch: $0)]
    }.first
  }
}
