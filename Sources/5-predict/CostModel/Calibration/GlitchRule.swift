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
package enum GlitchRule {
  package static func apply(_ runs: [WholeRun], _ limits: DeviceLimits) -> (
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
      for (place, count) in Contradictions(members.map { kept[$0] }).settled() {
        reasons.append("\(kept[members[place]].origin): contradicts \(count) of its neighbours")
        dropped.insert(members[place])
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
}

/// Which runs of a series cannot both be right.
private struct Contradictions {
  private static let mostDecrease = 1.05
  private static let mostIncrease = 3.5
  private static let repeats = 1.1

  private struct Length: Hashable {
    var prompt: Int
    var generate: Int
  }

  private struct Run {
    var length: Length
    var batch: Int
    /// Seconds of a step.
    var cost: Double
  }

  private let runs: [Run]
  /// Where they are: only runs of its own length, of half and of twice that can contradict one.
  private let ofLength: [Length: [Int]]

  init(_ series: [WholeRun]) {
    let runs = series.map {
      Run(
        length: Length(prompt: $0.prompt, generate: $0.generate), batch: $0.batch,
        cost: $0.seconds / Double(max(1, $0.generate)))
    }
    self.runs = runs
    ofLength = Dictionary(grouping: runs.indices) { runs[$0].length }
  }

  /// Drops runs until none contradicts another: each time the one with most contradictions, of
  /// equal ones the first.
  ///
  /// - Returns: those dropped, each with how many others it contradicted then.
  func settled() -> [(run: Int, count: Int)] {
    var counts = runs.indices.map { run in
      var count = 0
      forEachContradicted(by: run) { _ in count += 1 }
      return count
    }
    var dropped: [(run: Int, count: Int)] = []
    while let most = counts.max(), most > 0, let worst = counts.firstIndex(of: most) {
      dropped.append((worst, most))
      counts[worst] = 0
      // Runs that were dropped before have none left.
      forEachContradicted(by: worst) { other in
        if counts[other] > 0 { counts[other] -= 1 }
      }
    }
    return dropped
  }

  private func forEachContradicted(by run: Int, _ body: (Int) -> Void) {
    let one = runs[run]
    let length = one.length
    var lengths = [length]
    if length.prompt > 0, length.generate > 0 {
      lengths.append(Length(prompt: 2 * length.prompt, generate: 2 * length.generate))
      if length.prompt % 2 == 0, length.generate % 2 == 0 {
        lengths.append(Length(prompt: length.prompt / 2, generate: length.generate / 2))
      }
    }
    for length in lengths {
      for other in ofLength[length] ?? []
      where other != run && Self.conflict(one, runs[other]) {
        body(other)
      }
    }
  }

  private static func conflict(_ one: Run, _ other: Run) -> Bool {
    if one.batch == other.batch, one.length == other.length {
      return max(one.cost, other.cost) > repeats * min(one.cost, other.cost)
    }
    return conflict(small: one, large: other) || conflict(small: other, large: one)
  }

  private static func conflict(small: Run, large: Run) -> Bool {
    guard small.length.prompt > 0, small.length.generate > 0 else { return false }
    let longer =
      large.batch == small.batch && large.length.prompt == 2 * small.length.prompt
      && large.length.generate == 2 * small.length.generate
    let wider =
      large.length == small.length && large.batch > small.batch && large.batch <= 2 * small.batch
    guard longer || wider else { return false }
    return small.cost > mostDecrease * large.cost || large.cost > mostIncrease * small.cost
  }
}
