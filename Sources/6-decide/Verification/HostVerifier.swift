import CostModel
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
import Numerics
import Records
import Search
import Store

/// Measures a search's candidates on this machine, beside the baseline, and keeps every sample in a
/// store.
public final class HostVerifier: GainMeasurer {
  public struct Settings: Sendable {
    public var workload: ServingWorkload
    public var weights = DType.bf16
    public var cache = DType.f16
    public var threads: Int?
    /// Of each candidate in each round.
    public var pairs = 40
    /// For the models of a round.
    public var memoryBytes = 8 << 30
    public var seed: UInt64 = 0

    public init(workload: ServingWorkload) { self.workload = workload }
  }

  /// Fewer pairs have no interval.
  public static let fewestPairs = 8

  private let baseline: Architecture
  private let settings: Settings
  private let store: ResultStore?
  private let bench: PairedBench
  private let identity: RunIdentity
  private let report: (String) -> Void

  /// - Parameters:
  ///   - store: where samples go, and where those of an interrupted loop are found.
  ///   - report: told what is being done, for a progress line.
  public init(
    baseline: Architecture, _ settings: Settings, store: String?,
    report: @escaping (String) -> Void
  ) throws {
    guard settings.pairs >= Self.fewestPairs else {
      throw InputError(
        "pairs", problem: "is \(settings.pairs)", expected: "at least \(Self.fewestPairs)")
    }
    self.baseline = baseline
    self.settings = settings
    self.report = report
    var sampling = ThroughputBench.Settings()
    sampling.dtype = WeightFormat(settings.weights)
    sampling.cacheDType = settings.cache
    sampling.threads = settings.threads
    sampling.repetitions = settings.pairs
    sampling.seed = settings.seed
    let test = Self.test(settings.workload)
    bench = try PairedBench(
      test, sampling, memoryBytes: settings.memoryBytes, report: report)
    identity = RunIdentity(
      baseline: baseline, test: test, weights: settings.weights, cache: settings.cache,
      threads: bench.threads, instructionSet: bench.instructionSet)
    self.store = try store.map { try ResultStore($0, .writing) }
  }

  private static func test(_ workload: ServingWorkload) -> ThroughputTest {
    let phase: ThroughputTest.Phase =
      workload.prompt > 0
      ? .workload(prompt: workload.prompt, generate: workload.generate, exact: false)
      : .decode(workload.generate)
    return ThroughputTest(phase, depth: workload.depth, batch: workload.batch)
  }

  /// What an earlier run measured of the same question into the store.
  ///
  /// - Returns: the measurements, oldest first, and builds of Dyno other than this that made some.
  public func known() throws -> (measurements: [GainMeasurement], otherBuilds: [String]) {
    guard let store else { return ([], []) }
    let runs = try store.runs().compactMap { run -> (id: String, details: RunIdentity.Details)? in
      guard run.command == RunIdentity.command,
        let details = RunIdentity.Details(run.details), details.question == identity.question
      else { return nil }
      return (run.id, details)
    }
    let results = Dictionary(grouping: try store.results(), by: \.run)
    var builds: Set<String> = []
    let measurements = try runs.flatMap { run -> [GainMeasurement] in
      let records = try (results[run.id] ?? []).map { result in
        try RunIdentity.record(result.record, in: store.path)
      }
      // A round that was cut short has not all of its records.
      guard let first = records.first(where: { $0.modelType == run.details.baseline }),
        records.count == run.details.models
      else { return [] }
      builds.formUnion(records.map(\.buildCommit))
      return try records.filter { $0.modelType != run.details.baseline }.map {
        try Self.measurement(
          $0, over: first, seconds: run.details.seconds ?? 0, round: run.details.round)
      }
    }
    return (measurements, builds.subtracting([BuildInformation.commit]).sorted())
  }

  public func measure(_ candidates: [Architecture], round: Int) throws -> [GainMeasurement] {
    let groups = try bench.groups(candidates, against: baseline)
    return try groups.flatMap { group -> [GainMeasurement] in
      let start = SteadyClock.nanoseconds()
      let records = try bench.run(group, against: baseline)
      let seconds = Double(SteadyClock.nanoseconds() - start) * 1e-9 / Double(group.count)
      try keep(records, round: round, seconds: seconds)
      return try records.dropFirst().map {
        try Self.measurement($0, over: records[0], seconds: seconds, round: round)
      }
    }
  }

  public func close() throws {
    if let limits = bench.limits { LimitsCache.learn(limits) }
    try store?.close()
  }

  private func keep(_ records: [ThroughputRecord], round: Int, seconds: Double) throws {
    guard let store else { return }
    let run = StoredRun(
      command: RunIdentity.command,
      details: try RunIdentity.Details(
        question: identity.question, baseline: baseline.name, models: records.count, round: round,
        seconds: seconds
      ).text())
    try store.begin(run)
    for record in records {
      try store.append(
        StoredResult(
          unit: nil, run: run.id, status: .measured, finishedAt: Timestamp.now(),
          record: try RecordText.encode(record)))
    }
  }

  /// The centre of the pairs' logarithms (Hodges and Lehmann), and its standard error from the
  /// signed-rank interval, widened where the pairs have a memory.
  private static func measurement(
    _ record: ThroughputRecord, over baseline: ThroughputRecord, seconds: Double, round: Int
  ) throws -> GainMeasurement {
    let gains = record.logGains(over: baseline)
    guard gains.count >= fewestPairs else {
      throw InputError(
        record.modelType, problem: "has \(gains.count) pairs", expected: "at least \(fewestPairs)")
    }
    let interval = SignedRank.interval(gains, alpha: 0.05)
    let error =
      (interval.upperBound - interval.lowerBound) / (2 * 1.96)
      * Autocorrelation.designEffect(gains).squareRoot()
    return GainMeasurement(
      shape: Shape(
        try Architecture(name: record.modelType, config: JSONObject(record.architecture))),
      logGain: SignedRank.center(gains), standardError: error, pairs: gains.count,
      throughput: record.medianTs, baselineThroughput: baseline.medianTs, seconds: seconds,
      round: round)
  }
}
