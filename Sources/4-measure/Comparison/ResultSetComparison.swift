import Formats
import Foundation
import Input
import Numerics
import Records

/// Compares two sets of results that were measured apart.
///
/// What a machine's change of mood between the two runs did cannot be told from what the code did:
/// `InterleavedComparison` can.
public struct ResultSetComparison {
  private let rule: VerdictRule
  private let allowed: Set<Difference>

  public init(_ rule: VerdictRule, allowed: Set<Difference> = []) {
    self.rule = rule
    self.allowed = allowed
  }

  /// - Throws: `InputError` where the sets are not comparable.
  public func compare(_ baseline: ResultSet, _ candidate: ResultSet) throws -> ComparisonRecord {
    let (matched, lost, added) = try match(baseline, candidate)
    for (first, second) in matched {
      try within("\(baseline.name), \(candidate.name): \(first.cellName)") {
        try Difference.check(
          first.circumstances, second.circumstances, allowed: allowed)
      }
    }
    let evidence = matched.map(Self.evidence)
    let verdicts = rule.verdicts(evidence.map { rule.pValues($0) })
    let cells = matched.indices.map { index in
      let (first, second) = matched[index]
      let (verdict, alarm) = verdicts[index]
      let interval = evidence[index].interval(alpha: rule.familyError / Double(matched.count))
      return ComparisonRecord.Cell(
        modelType: second.modelType, test: second.testName, nSequences: second.nSequences,
        typeWeights: second.typeWeights, typeK: second.typeK, nThreads: second.nThreads,
        baselineTs: first.medianTs, candidateTs: second.medianTs,
        slowdown: expm1(evidence[index].estimate), slowdownInterval: interval.slowdowns,
        pValue: alarm, verdict: verdict,
        samples: min(first.samplesNs.count, second.samplesNs.count),
        suspectSamples: first.sampling.suspectSamples + second.sampling.suspectSamples)
    }
    return ComparisonRecord(
      method: .unpaired, baseline: baseline.side, candidate: candidate.side,
      cpuInfo: candidate.records[0].cpuInfo, threshold: rule.threshold,
      familyError: rule.familyError, cells: cells,
      warnings: warnings(matched, cells) + Self.warnings(lost, "the candidate")
        + Self.warnings(added, "the baseline"),
      onlyInBaseline: lost.isEmpty ? nil : lost, onlyInCandidate: added.isEmpty ? nil : added)
  }

  private typealias Match = (baseline: ThroughputRecord, candidate: ThroughputRecord)

  /// What makes two records the same cell.
  private struct Key: Hashable {
    var names: [String]

    /// - Parameters:
    ///   - anySettings: settings that differ do not make two cells of it.
    ///   - byThreads: thread counts do.
    init(_ record: ThroughputRecord, anySettings: Bool, byThreads: Bool) {
      names = [record.modelType, record.testName, "\(record.nSequences)"]
      names.append(record.workload?.mode.rawValue ?? "")
      if !anySettings { names += [record.typeWeights.rawValue, record.typeK.rawValue] }
      if byThreads { names.append("\(record.nThreads)") }
    }
  }

  private static func warnings(_ missing: [String], _ side: String) -> [String] {
    guard let first = missing.first else { return [] }
    return [
      "\(missing.count) tests are not in \(side) and were not compared: \(first)"
        + (missing.count > 1 ? ", …" : "")
    ]
  }

  /// The cells that both have, in the order of the baseline, and the names of those that the
  /// candidate or the baseline lacks.
  private func match(
    _ baseline: ResultSet, _ candidate: ResultSet
  ) throws -> (matched: [Match], lost: [String], added: [String]) {
    let anySettings = allowed.contains(.settings)
    // One set over several thread counts has a cell for each; two sets of one each differ in settings.
    let byThreads =
      !anySettings
      && [baseline, candidate].contains { Set($0.records.map(\.nThreads)).count > 1 }
    func key(_ record: ThroughputRecord) -> Key {
      Key(record, anySettings: anySettings, byThreads: byThreads)
    }
    func byKey(_ set: ResultSet) throws -> [Key: ThroughputRecord] {
      try Dictionary(
        set.records.map { (key($0), $0) },
        uniquingKeysWith: { first, _ in
          throw InputError(
            set.name, problem: "holds \(first.cellName) more than once",
            expected: anySettings
              ? "one result of each cell, whatever its settings" : "one result of each cell")
        })
    }
    let others = try byKey(candidate)
    let mine = try byKey(baseline)
    let lost = baseline.records.filter { others[key($0)] == nil }.map(\.cellName)
    let added = candidate.records.filter { mine[key($0)] == nil }.map(\.cellName)
    if !allowed.contains(.cells) {
      let missing = lost.map { (candidate.name, $0) } + added.map { (baseline.name, $0) }
      if let (file, name) = missing.first {
        throw Difference.refusal(.cells, "\(missing.count) cells: \(name) is not in \(file)")
          .within("\(baseline.name), \(candidate.name)")
      }
    }
    let matched = baseline.records.compactMap { record in
      others[key(record)].map { (record, $0) }
    }
    guard !matched.isEmpty else {
      throw InputError(
        baseline.name, candidate.name, problem: "have no test of the same architecture in common")
    }
    for (first, second) in matched where first.architecture != second.architecture {
      throw InputError(
        "\(baseline.name), \(candidate.name)", first.cellName,
        problem: "is another architecture of the same name on the other side")
    }
    return (matched, lost, added)
  }

  private static func evidence(_ match: Match) -> any ShiftEvidence {
    // A set compared with itself or its copy is one measurement, not two that agree.
    if match.baseline.samplesNs == match.candidate.samplesNs,
      match.baseline.testTime == match.candidate.testTime
    {
      return IdenticalEvidence()
    }
    return UnpairedEvidence(
      baseline: match.baseline.samplesNs.map { log(Double($0)) },
      candidate: match.candidate.samplesNs.map { log(Double($0)) })
  }

  private func warnings(_ matched: [Match], _ cells: [ComparisonRecord.Cell]) -> [String] {
    var warnings: [String] = []
    if cells.contains(where: { $0.verdict != .noChange }) {
      warnings.append(
        "the sets were measured apart: a machine in another mood counts as a change "
          + "(dyno ab runs both sides in turns)")
    }
    let moved = matched.filter {
      let ratio = $0.candidate.limits.readBandwidth / $0.baseline.limits.readBandwidth
      return abs(log(ratio)) > rule.inner
    }
    if let first = moved.first {
      warnings.append(
        String(
          format: "the machine itself changed by more than half the threshold: its best read "
            + "bandwidth was %.1f and %.1f GB/s", first.baseline.limits.readBandwidth * 1e-9,
          first.candidate.limits.readBandwidth * 1e-9))
    }
    let open = cells.count { $0.verdict == .inconclusive }
    if open > 0 {
      warnings.append(
        "\(open) of \(cells.count) cells stay open: more samples (a longer budget), a larger "
          + "threshold or fewer cells decide them")
    }
    return warnings
  }
}

extension ResultSet {
  fileprivate var side: ComparisonRecord.Side {
    let commits = Set(records.map(\.buildCommit))
    return .init(name: name, buildCommit: commits.count == 1 ? commits.first ?? "" : "several")
  }
}

extension ThroughputRecord {
  fileprivate var cellName: String {
    "\(modelType) \(testName), batch \(nSequences), \(typeWeights)"
  }

  fileprivate var circumstances: Difference.Circumstances {
    Difference.Circumstances(
      environment: environment, cpuInfo: cpuInfo, threads: nThreads, chunk: nBatch,
      weights: typeWeights, cache: typeK, routing: routingExponent,
      // Records that do not say are from when it followed from the weights.
      activations: typeActivations ?? (typeWeights.base.isBlocks ? .int8 : .f32))
  }
}
