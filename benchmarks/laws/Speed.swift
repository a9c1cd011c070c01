import Foundation
import Numerics
import ScalingLaws

extension LawStudy {
  /// Wall time of 1,000 refits on all cores.
  static func printSpeed() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    for (form, limit) in [(Chinchilla.name, 10.0), (ConditionalMultiplicative.name, 2.0)] {
      guard let truth = SyntheticTruth(form: form) else { continue }
      var generator = SeededGenerator(seed: 5, stream: 0)
      var table = truth.table(&generator)
      // Chinchilla's own data have 240 rows; the grid is laid out five times to match.
      if form == Chinchilla.name {
        table.rows = (0..<5).flatMap { _ in truth.table(&generator).rows }
      }
      let fit = try LawFit(truth.law.form, table, name: form, source: "synthetic")
      for resampling in Resampling.allCases {
        let start = ContinuousClock.now
        let resampled = try fit.bootstrapped(resampling, count: 1000)
        let refits = resampled.law.uncertainty?.resamples.count ?? 0
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(
          "\(form), \(table.rows.count) rows, \(resampling.rawValue): \(refits) of 1000 refits in "
            + String(format: "%.2f s (limit %.0f s) on %d cores", seconds, limit, cores))
      }
    }
  }
}
