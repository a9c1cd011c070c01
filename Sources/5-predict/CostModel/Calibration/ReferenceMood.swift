import Foundation
import Model
import Numerics
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
/// How long one cell usually takes beside another is told alike, by the reference in all runs that
/// interleave several; runs of the reference alone may interleave more of them than others can.
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
    var relatives: [Place: Double] = [:]
    for (cell, runs) in Dictionary(grouping: measurements.runs, by: Self.cell) {
      let levels = Dictionary(grouping: runs, by: \.run).values.map { together in
        Self.levels(together) { $0.architecture.name }
      }.filter { $0.contains { $0.item == reference } }.flatMap { $0 }
      guard !levels.isEmpty else { continue }
      let fitted = Self.fit(levels + [Level(item: reference, value: 0, error: 1)])
      for (architecture, logarithm) in fitted {
        relatives[Place(cell: cell, architecture: architecture)] = logarithm - fitted[reference]!
      }
    }
    self.relatives = relatives
    usual = Self.usual(measurements.runs.filter { $0.architecture.name == reference })
    operators = operatorScales(measurements)
  }

  /// How long something took in a run, beside all else that is compared in it; without a run, how
  /// long it takes by itself.
  private struct Level {
    var run: String? = nil
    let item: String
    /// A logarithm, and how far it may be off.
    let value, error: Double
  }

  /// What runs do to one of their tests by itself, in logarithms: by the memory that they get, say.
  private static let spreadOfRuns = 0.02
  /// How far a median of unlike minutes may be off: so far that it decides only what no run tells.
  private static let spreadOfMinutes = 1.0

  /// One run's levels.
  private static func levels(_ together: [WholeRun], _ item: (WholeRun) -> String) -> [Level] {
    let blocks = blocks(together)
    return together.compactMap { run in
      let ratios = run.secondsByBlock.compactMap { block, seconds in
        blocks[block].map { log(seconds) - $0 }
      }
      guard !ratios.isEmpty else { return nil }
      let median = Quantiles.median(ratios)
      // Of a median, by the median deviation: both as of normal noise.
      let deviation = 1.4826 * Quantiles.median(ratios.map { abs($0 - median) })
      let error = (Double.pi / 2 / Double(ratios.count)).squareRoot() * deviation
      return Level(
        run: run.run, item: item(run), value: median,
        error: (error * error + spreadOfRuns * spreadOfRuns).squareRoot())
    }
  }

  /// The logarithm of each item, where levels are the sum of an item's and a run's.
  private static func fit(_ unordered: [Level]) -> [String: Double] {
    // In one order, so that the same measurements give the same digits.
    let levels = unordered.sorted { ($0.run ?? "", $0.item) < ($1.run ?? "", $1.item) }
    guard !levels.isEmpty else { return [:] }
    let items = Set(levels.map(\.item)).sorted()
    let runs = Set(levels.compactMap(\.run)).sorted()
    let ofItem = Dictionary(uniqueKeysWithValues: items.enumerated().map { ($1, $0) })
    let ofRun = Dictionary(
      uniqueKeysWithValues: runs.enumerated().map { ($1, items.count + $0) })
    let places = levels.map { [ofItem[$0.item]!] + ($0.run.map { [ofRun[$0]!] } ?? []) }
    let model = ResidualModel(rows: levels.count) { row, parameters, gradient in
      let level = levels[row]
      for index in gradient.indices { gradient[index] = 0 }
      for place in places[row] { gradient[place] = -1 / level.error }
      return (level.value - places[row].reduce(0) { $0 + parameters[$1] }) / level.error
    }
    // Huber's choice, which loses 5% of the efficiency where noise is normal.
    let solution = HuberRegression.minimize(
      model, start: [Double](repeating: 0, count: items.count + runs.count), delta: 1.345)
    return Dictionary(uniqueKeysWithValues: zip(items, solution.parameters))
  }

  /// By cell: the reference's seconds. What runs measured interleaved tells how long cells take
  /// beside each other; the medians of each, of whatever minutes, how long they take at all.
  private static func usual(_ ofReference: [WholeRun]) -> [String: Double] {
    let medians = Dictionary(grouping: ofReference, by: cell)
      .mapValues { log(Quantiles.median($0.map(\.seconds))) }
    let levels = Dictionary(grouping: ofReference, by: \.run).values.flatMap {
      Self.levels($0, cell)
    }
    let byMedians = medians.map { Level(item: $0, value: $1, error: spreadOfMinutes) }
    return fit(levels + byMedians).mapValues { exp($0) }
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
    case .latentAttention(let shape): shape.absorbed.sequences + shape.expanded.sequences
    case .route(let rows, _, _): rows
    case .experts(let shape): shape.tokens
    }
  }

  /// By block that all of them were measured in: the median logarithm of their seconds.
  private static func blocks(_ together: [WholeRun]) -> [Int: Double] {
    Dictionary(grouping: together.flatMap(\.secondsByBlock), by: \.key)
      .filter { $0.value.count == together.count }
      .mapValues { Quantiles.median($0.map { log($0.value) }) }
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
