import CostModel
import Formats
import Foundation
import Harness
import Input
import Numerics
import Records
import Reports

/// The ladder on this host, from what `measure_host.sh` measured: every family of layers predicted
/// by fits that have seen neither its runs nor its operators.
struct HostStudy {
  private let folder: URL
  private let files: [String]

  init(_ folder: String) throws {
    self.folder = URL(fileURLWithPath: folder)
    files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    guard files.contains(where: { $0.hasSuffix("-decode.json") }) else {
      throw InputError(
        folder, problem: "holds no measurements", expected: "what measure_host.sh wrote")
    }
  }

  /// A cell of the grid, whichever pass measured it.
  private struct Cell: Hashable {
    let architecture: String
    let dtype: NumberStorage
    let prompt: Int
    let depth: Int
    let batch: Int

    init(_ run: WholeRun) {
      architecture = run.architecture.name
      dtype = run.weights
      prompt = run.prompt
      depth = run.depth
      batch = run.batch
    }
  }

  func run() throws {
    var all = Measurements()
    for file in files where file.hasSuffix(".json") || file.hasSuffix(".csv") {
      try all.add(contentsOf: folder.appendingPathComponent(file))
    }
    guard let mood = ReferenceMood(all) else {
      throw InputError(
        folder.path, problem: "has no reference architecture in every run",
        expected: "what measure_host.sh wrote")
    }
    let result = try DeviceCalibration(try Self.profile(all)).run(all)
    describe(all, mood, result.profile.limits)
    print(CalibrationReport(result, rejected: []).table(.markdown) + "\n")
    for warning in result.warnings { print("- \(warning)") }
    print("")
    let halves = halves(all, mood.reference)
    let noise = retest(halves)
    spearman(result.heldOutRuns, halves, mood.reference, noise)
    bySlices(result.heldOutRuns)
    try Residuals.write(
      "host", result.heldOutRuns.map { ("\($0.run.weights)", Double($0.run.batch), $0.comparison) })
  }

  private func describe(_ all: Measurements, _ mood: ReferenceMood, _ limits: DeviceLimits) {
    let parts = Dictionary(grouping: all.runs) { run in
      "\(run.prompt > 0 ? "prompts" : "decode") in \(run.weights)"
    }.mapValues { Set($0.map(\.architecture.name)).count }
    let measured = parts.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }
    print(
      "\(Set(all.runs.map(\.architecture.name)).count) architectures, "
        + "\(Set(all.runs.map(Cell.init)).count) cells, \(all.runs.count) records, "
        + "\(all.operators.count) operator rows; best limits "
        + "\(Quantity.number(limits.memoryBandwidth / 1e9)) GB/s and "
        + "\(Quantity.number(limits.peak(of: .f32)! / 1e9)) GFLOP/s. Times are restated as "
        + "multiples of what \(mood.reference) takes, by a fit to all runs. Measured, with the number "
        + "of architectures: \(measured.joined(separator: ", ")).\n")
  }

  /// What a cell took over the reference, by the odd passes and by the even ones, each restated by
  /// nothing but their own measurements; and the same as measured.
  private struct Halves {
    var restated: (first: Double, second: Double)
    var measured: (first: Double, second: Double)
  }

  private func halves(_ all: Measurements, _ reference: String) -> [Cell: Halves] {
    let byParity = [1, 0].map { parity -> [Cell: (restated: Double, measured: Double)] in
      var half = all
      half.runs.removeAll { Self.pass($0) % 2 != parity }
      half.operators = []
      guard let mood = ReferenceMood(half), mood.reference == reference else { return [:] }
      return Dictionary(grouping: half.runs.filter { $0.architecture.name != reference }) {
        Cell($0)
      }
      .compactMapValues { runs in
        mood.relative(runs[0]).map { ($0, exp(Moments.mean(runs.map { log($0.seconds) }))) }
      }
    }
    return byParity[0].reduce(into: [:]) { halves, entry in
      guard let second = byParity[1][entry.key] else { return }
      halves[entry.key] = Halves(
        restated: (entry.value.restated, second.restated),
        measured: (entry.value.measured, second.measured))
    }
  }

  /// The number that measure_host.sh begins a file's name with.
  private static func pass(_ run: WholeRun) -> Int {
    let name = URL(fileURLWithPath: run.run).lastPathComponent
    return Int(name.prefix(while: \.isNumber)) ?? 1
  }

  /// - Returns: the mean difference between halves of the passes.
  private func retest(_ halves: [Cell: Halves]) -> Double {
    guard !halves.isEmpty else {
      print("No cell was measured twice: the retest's error is taken for 2%.\n")
      return 0.02
    }
    let restated = halves.values.map { abs($0.restated.first / $0.restated.second - 1) }
    let measured = halves.values.map { abs($0.measured.first / $0.measured.second - 1) }
    print(
      "Retest of \(restated.count) cells, odd passes by even ones: median "
        + "\(Quantity.percent(Quantiles.median(restated))), mean "
        + "\(Quantity.percent(Moments.mean(restated))) restated; median "
        + "\(Quantity.percent(Quantiles.median(measured))), mean "
        + "\(Quantity.percent(Moments.mean(measured))) as measured.\n")
    return Moments.mean(restated)
  }

  /// Rank correlation within groups of equal N and workload, beside that of the halves of the passes
  /// and how often a prediction without any error would reach 0.9: of architectures alike in speed
  /// nobody tells the order. Groups are counted whose spread exceeds the noise of all cells.
  private func spearman(
    _ runs: [(run: WholeRun, comparison: Comparison)],
    _ halves: [Cell: Halves], _ reference: String, _ noise: Double
  ) {
    var table = Table([
      ("N", .left), ("dtype", .left), ("prompt", .right), ("depth", .right), ("batch", .right),
      ("architectures", .right), ("measured spread", .right), ("noise", .right),
      ("Spearman", .right), ("of two halves", .right), ("without error", .right),
      ("exceeds noise", .left),
    ])
    let groups = Dictionary(grouping: runs) { entry -> [String] in
      let size = Double(entry.run.architecture.parameters.nonEmbedding)
      // Equal N within 3%.
      let bin = (log(size) / 0.03).rounded()
      return [
        "\(bin)", "\(entry.run.weights)", "\(entry.run.prompt)", "\(entry.run.depth)",
        "\(entry.run.batch)",
      ]
    }.filter { $0.value.count >= 3 }
    var counted: [Double] = []
    var repeatable: [Double] = []
    var chances: [Double] = []
    var byOwnNoise: [Double] = []
    var decidable: [Double] = []
    var pairs = (apart: 0, inOrder: 0)
    for (_, members) in groups.sorted(by: { $0.key.joined() < $1.key.joined() }) {
      let measured = members.map(\.comparison.measured)
      let spread = measured.max()! / measured.min()! - 1
      let rank = RankCorrelation.spearman(members.map(\.comparison.predicted), measured)
      // A spread between extremes is noise up to some four times a pair's retest error.
      let exceeds = spread > 4 * noise
      for (index, one) in members.enumerated() {
        for other in members.dropFirst(index + 1) {
          let apart = log(one.comparison.measured / other.comparison.measured)
          guard abs(apart) > 2 * noise else { continue }
          pairs.apart += 1
          if apart * log(one.comparison.predicted / other.comparison.predicted) > 0 {
            pairs.inOrder += 1
          }
        }
      }
      let run = members[0].run
      // The reference over itself is the same in both halves.
      let others = members.filter { $0.run.architecture.name != reference }
      let both = others.compactMap { halves[Cell($0.run)]?.restated }
      let isRetested = both.count == others.count
      let retest =
        isRetested ? RankCorrelation.spearman(both.map(\.first), both.map(\.second)) : nil
      let own = isRetested ? Self.noise(ofOrder: both) : noise
      let chance = Self.chanceWithoutError(measured, noise: own)
      if exceeds, let rank {
        counted.append(rank)
        chances.append(chance)
        if let retest, retest >= 0.9 { repeatable.append(rank) }
      }
      if let rank {
        if spread > 4 * own { byOwnNoise.append(rank) }
        if chance >= 0.9 { decidable.append(rank) }
      }
      table.add([
        Quantity.count(Double(run.architecture.parameters.nonEmbedding)), run.weights.rawValue,
        "\(run.prompt)", "\(run.depth)", "\(run.batch)", "\(members.count)",
        Quantity.percent(spread), Quantity.percent(own),
        rank.map { Quantity.number($0, digits: 3) } ?? "–",
        retest.map { Quantity.number($0, digits: 3) } ?? "–",
        String(format: "%.0f%%", 100 * chance), exceeds ? "yes" : "no",
      ])
    }
    print(table.rendered(.markdown) + "\n")
    func summarize(_ groups: String, _ ranks: [Double]) {
      guard let least = ranks.min() else { return }
      print(
        "\(groups): \(ranks.count); Spearman at least 0.9 in \(ranks.count { $0 >= 0.9 }), median "
          + "\(Quantity.number(Quantiles.median(ranks), digits: 3)), least "
          + "\(Quantity.number(least, digits: 3)).\n")
    }
    summarize("Groups whose spread exceeds the noise", counted)
    if !chances.isEmpty {
      print(
        "If the measured times were the true ones, and measured again with the group's noise, a "
          + "prediction without error would reach 0.9 in "
          + "\(Quantity.number(chances.reduce(0, +), digits: 3)) of them in the mean, and in all of "
          + "them with a probability of \(Quantity.percent(chances.reduce(1, *))).\n")
    }
    summarize("Of these, groups that two halves order alike (0.9 or more)", repeatable)
    summarize("Groups whose spread exceeds four times their own noise", byOwnNoise)
    summarize(
      "Groups where a prediction without error would reach 0.9 in nine of ten draws", decidable)
    print(
      "Of all groups' \(pairs.apart) pairs that measured more than \(Quantity.percent(2 * noise)) "
        + "apart, twice the retest's mean, \(pairs.inOrder) are predicted in their order.\n")
  }

  /// The mean difference between halves in what orders a group: without what all of it share.
  private static func noise(ofOrder both: [(first: Double, second: Double)]) -> Double {
    let changes = both.map { log($0.first / $0.second) }
    let common = Moments.mean(changes)
    // Deviations from their own mean are too small by this.
    let count = Double(both.count)
    return Moments.mean(changes.map { abs($0 - common) }) * (count / (count - 1)).squareRoot()
  }

  /// How likely a prediction that is right ranks architectures with 0.9 or more, if these are their
  /// true times and each is measured as the mean of two halves.
  ///
  /// - Parameter noise: the mean difference between halves.
  private static func chanceWithoutError(_ seconds: [Double], noise: Double) -> Double {
    // Of normal noise the mean difference of two is 2/√π of its deviation; a mean of two has 1/√2.
    let deviation = noise * Double.pi.squareRoot() / 2 / 2.0.squareRoot()
    let draws = 2000
    var generator = SeededGenerator(seed: 0)
    let reached = (0..<draws).count { _ in
      let again = seconds.map { $0 * exp(deviation * generator.normal()) }
      return (RankCorrelation.spearman(seconds, again) ?? 0) >= 0.9
    }
    return Double(reached) / Double(draws)
  }

  private func bySlices(_ runs: [(run: WholeRun, comparison: Comparison)]) {
    var table = Table([
      ("slice", .left), ("rows", .right), ("median", .right), ("mean", .right), ("p90", .right),
      ("coverage", .right), ("bias", .right),
    ])
    func add(_ name: String, _ members: [(run: WholeRun, comparison: Comparison)]) {
      guard !members.isEmpty else { return }
      let summary = ErrorSummary(members.map(\.comparison))
      let bias = Quantiles.median(
        members.map { $0.comparison.predicted / $0.comparison.measured - 1 })
      table.add([
        name, "\(summary.rows)", Quantity.percent(summary.median), Quantity.percent(summary.mean),
        Quantity.percent(summary.percentile90), summary.coverage.map(Quantity.percent) ?? "–",
        Quantity.percent(bias),
      ])
    }
    add("all", runs)
    for dtype in [NumberStorage.f32, .bf16, .q8_0] {
      add("\(dtype)", runs.filter { $0.run.weights == dtype })
    }
    add("prefill", runs.filter { $0.run.prompt > 0 })
    for batch in [1, 4, 16] {
      for depth in [0, 4096] {
        add(
          "decode, batch \(batch), depth \(depth)",
          runs.filter { $0.run.prompt == 0 && $0.run.batch == batch && $0.run.depth == depth })
      }
    }
    for name in Set(runs.map(\.run.architecture.name)).sorted() {
      add(name, runs.filter { $0.run.architecture.name == name })
    }
    print(table.rendered(.markdown) + "\n")
  }

  /// The host's limits as the measurements saw them.
  static func profile(_ measurements: Measurements) throws -> DeviceProfile {
    let seen = measurements.operators.compactMap(\.limits)
    guard let first = seen.first else {
      throw InputError(problem: "no operator row names the host's limits")
    }
    return try DeviceProfile.host(
      named: DeviceZoo.host, limits: seen.reduce(first) { $0.best(with: $1) },
      source: "best of \(seen.count) samples, measured with the rows")
  }
}
