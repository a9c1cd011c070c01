import Formats
import Foundation
import Model
import Records

/// Runs that no model should be judged by, found by physics and by their neighbours alone: the
/// model is not consulted.
///
/// A run goes where it is faster than its weights and cache can be read at the device's bandwidth,
/// or where it contradicts its neighbours of the same model, engine and device: per step, a run of
/// half the length or of the next smaller batch may cost at most 1.05 times this one, and this one
/// at most 3.5 times it; repeats may differ by 10%. Of runs in conflict the one with most
/// conflicts goes first, until none are left. Runs of the own engine carry their noise evidence
/// and are not judged.
enum GlitchRule {
  private static let mostDecrease = 1.05
  private static let mostIncrease = 3.5
  private static let repeats = 1.1

  static func apply(_ runs: [WholeRun], _ limits: DeviceLimits) -> (
    kept: [WholeRun], reasons: [String]
  ) {
    var reasons: [String] = []
    var kept: [WholeRun] = []
    for run in runs {
      if run.engine != ServingEngine.dyno.name, run.seconds < leastSeconds(run, limits) {
        reasons.append(
          "\(run.origin): \(run.seconds) s is less than reading weights and cache takes")
      } else {
        kept.append(run)
      }
    }
    // Conflicts lie within a series; each is settled on its own.
    let judged = kept.indices.filter { kept[$0].engine != ServingEngine.dyno.name }
    let series = Dictionary(grouping: judged) { index -> String in
      let run = kept[index]
      return
        "\(run.device) \(run.engine) \(run.architecture.name) \(run.weights) \(run.depth) \(run.devices)"
    }
    var dropped: Set<Int> = []
    for members in series.values {
      var alive = members
      while true {
        let conflicts = alive.map { one in
          alive.count { other in one != other && conflict(kept[one], kept[other]) }
        }
        guard let most = conflicts.max(), most > 0 else { break }
        let worst = conflicts.firstIndex(of: most)!
        reasons.append("\(kept[alive[worst]].origin): contradicts \(most) of its neighbours")
        dropped.insert(alive[worst])
        alive.remove(at: worst)
      }
    }
    return (kept.indices.filter { !dropped.contains($0) }.map { kept[$0] }, reasons.sorted())
  }

  private static func leastSeconds(_ run: WholeRun, _ limits: DeviceLimits) -> Double {
    let counts = run.architecture.parameters
    let weights = Double(counts.nonEmbedding + counts.embedding) * run.weights.bytesPerElement
    let context =
      run.architecture.slidingWindow.map {
        min($0, run.depth + run.prompt + run.generate / 2)
      } ?? run.depth + run.prompt + run.generate / 2
    let cache =
      Double(run.batch) * Double(context) * run.architecture.cacheBytesPerToken(.bf16)
      / DType.bf16.bytesPerElement * run.cache.bytesPerElement
    return Double(run.decodeSteps) * (weights + cache)
      / (limits.memoryBandwidth * Double(run.devices))
  }

  /// Whether two runs of a series cannot both be right.
  private static func conflict(_ one: WholeRun, _ other: WholeRun) -> Bool {
    func cost(_ run: WholeRun) -> Double { run.seconds / Double(max(1, run.generate)) }
    if one.batch == other.batch, one.prompt == other.prompt, one.generate == other.generate {
      return max(cost(one), cost(other)) > repeats * min(cost(one), cost(other))
    }
    func isNext(_ small: WholeRun, _ large: WholeRun) -> Bool {
      guard small.prompt > 0, small.generate > 0 else { return false }
      let longer =
        large.batch == small.batch && large.prompt == 2 * small.prompt
        && large.generate == 2 * small.generate
      let wider =
        large.prompt == small.prompt && large.generate == small.generate
        && large.batch > small.batch && large.batch <= 2 * small.batch
      return longer || wider
    }
    for (small, large) in [(one, other), (other, one)] where isNext(small, large) {
      if cost(small) > mostDecrease * cost(large) || cost(large) > mostIncrease * cost(small) {
        return true
      }
    }
    return false
  }
}
