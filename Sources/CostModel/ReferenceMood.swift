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
  /// By run: how much longer than usual the reference's operators took.
  private let operators: [Key: Double]

  private struct Key: Hashable {
    let run: String
    let cell: String
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
    let medians = Dictionary(grouping: ofReference, by: Self.cell)
      .mapValues { Quantiles.median($0.map(\.seconds)) }
    let alone = Dictionary(
      grouping: ofReference.filter { !accompanied.contains($0.run) }, by: \.run
    )
    .values.map { interleaved in
      let blocks = Self.blocks(interleaved)
      return Dictionary(
        interleaved.compactMap { run in
          let cell = Self.cell(run)
          return Self.level(of: run, over: blocks).map { (cell, $0 - log(medians[cell]!)) }
        }, uniquingKeysWith: { first, _ in first })
    }
    let ties = Self.ties(alone)
    usual = Dictionary(
      uniqueKeysWithValues: medians.map { ($0, $1 * exp(ties[$0] ?? 0)) })
    let moods = Self.moods(
      measurements.operators.filter { $0.origin == reference }.map {
        (
          Key(run: $0.run, cell: Self.cell($0)), Self.cell($0) + " \($0.kind?.rawValue ?? "")",
          $0.seconds
        )
      })
    let operatorTies = Self.ties(
      Dictionary(grouping: moods.filter { !accompanied.contains($0.key.run) }, by: \.key.run)
        .values.map { moods in
          Dictionary(uniqueKeysWithValues: moods.map { ($0.key.cell, $0.value) })
        })
    operators = Dictionary(
      uniqueKeysWithValues: moods.map { ($0, exp($1 - (operatorTies[$0.cell] ?? 0))) })
  }

  /// By cell: the logarithm of what its usual time is to be multiplied by, so that cells which were
  /// interleaved are to each other as they were then. What all cells of a run share stays.
  ///
  /// - Parameter runs: by run and cell, logarithms of times over usual ones.
  private static func ties(_ runs: [[String: Double]]) -> [String: Double] {
    let centred = runs.flatMap { cells in
      let shared = Moments.mean(Array(cells.values))
      return cells.map { (cell: $0.key, deviation: $0.value - shared) }
    }
    return Dictionary(grouping: centred, by: \.cell)
      .mapValues { Quantiles.median($0.map(\.deviation)) }
  }

  /// Mean over a key's rows of the logarithm of their time over the usual one of their kind.
  private static func moods(_ rows: [(key: Key, kind: String, seconds: Double)]) -> [Key: Double] {
    let usual = Dictionary(grouping: rows, by: \.kind)
      .mapValues { Quantiles.median($0.map { log($0.seconds) }) }
    return Dictionary(grouping: rows, by: \.key).mapValues { rows in
      Moments.mean(rows.map { log($0.seconds) - usual[$0.kind]! })
    }
  }

  /// What tells apart tests that a run's architectures have in common.
  private static func cell(_ run: WholeRun) -> String {
    "\(run.weights) \(run.cache) \(run.prompt) \(run.generate) \(run.depth) \(run.batch)"
  }

  /// GEMMs by their rows, attention by its batch and context, the rest by its rows.
  private static func cell(_ timing: OperatorTiming) -> String {
    switch timing.shape {
    case .gemm(let m, _, _): return "\(timing.weights) gemm \(m)"
    case .rows(let count, _, _): return "\(timing.weights) rows \(count)"
    case .attention(let shape):
      return "\(timing.weights) attention \(shape.sequences) \(shape.tokens) \(shape.positions)"
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
  func scale(_ timing: OperatorTiming) -> Double? {
    operators[Key(run: timing.run, cell: Self.cell(timing))].map { 1 / $0 }
  }
}
