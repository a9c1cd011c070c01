import ArgumentParser
import CostModel
import Input
import Machine
import Model
import Records
import Search
import Verification

/// How a search is checked by measuring.
struct VerifyOptions: ParsableArguments {
  enum Place: String, ExpressibleByArgument, CaseIterable { case host }

  @Option(help: "Measure candidates in a closed loop on: host.")
  var verify: Place?

  @Option(help: "Time for the measurements of the loop. Default: 10m.")
  var budget: TimeSpan?

  @Option(help: "Keep every sample in the store FILE; an interrupted loop goes on from there.")
  var store: String?

  @Option(help: "Pairs of each candidate with the baseline in a round. Default: 40.")
  var pairs: Int?

  @Option(help: "Most candidates of a round. Default: 4.")
  var perRound: Int?

  @Option(help: "Candidates that the loop may choose from. Default: 64.")
  var pool: Int?

  @Option(help: "GiB of memory that the models of a round may take. Default: 8.")
  var memory: Int?

  @Option(help: .threads)
  var threads: Int?

  @Option(help: "Seed of weights, tokens and the order. Default: 0.")
  var seed: UInt64?

  @Option(help: "Write the host's profile, calibrated by the loop, to FILE.")
  var writeProfile: String?

  /// Fails before the work rather than after it.
  func check(_ problem: SearchProblem) throws {
    guard verify != nil else { return try requireNothing() }
    for (option, value) in [
      ("--pairs", pairs), ("--per-round", perRound), ("--pool", pool), ("--memory", memory),
    ] {
      if let value { _ = try positive(option, value) }
    }
    if let writeProfile { try requireWritable(writeProfile) }
    try HostVerification.check(problem)
  }

  /// Refuses what a search without a loop has no use for.
  private func requireNothing() throws {
    let ofLoops = [
      ("--budget", budget != nil), ("--store", store != nil), ("--pairs", pairs != nil),
      ("--per-round", perRound != nil), ("--pool", pool != nil), ("--memory", memory != nil),
      ("--threads", threads != nil), ("--seed", seed != nil),
      ("--write-profile", writeProfile != nil),
    ]
    try refuse(ofLoops, problem: "is given without --verify", expected: "--verify host")
  }

  /// A device's profile; for a loop on this machine, a nominal one where it is not calibrated.
  func device(_ name: String) throws -> DeviceProfile {
    guard verify == .host, name == DeviceZoo.host else { return try DeviceZoo.resolve(name) }
    return try host()
  }

  private func host() throws -> DeviceProfile {
    let found = try HostProfile.calibratedOrNominal(
      threads: threads, report: ProgressLine().show)
    if found.isNominal {
      warn("this machine is not calibrated: nominal coefficients at its measured limits")
    }
    return found.profile
  }

  func run(
    _ result: ArchitectureSearch.Result, _ progress: ProgressLine
  ) throws -> ClosedLoop.Outcome? {
    guard verify == .host else { return nil }
    let verification = HostVerification(
      result, budgetSeconds: budget?.seconds ?? 600, store: store, pairs: pairs ?? 40,
      perRound: perRound ?? 4, pool: pool ?? 64, memoryBytes: (memory ?? 8) << 30,
      threads: threads, seed: seed ?? 0)
    let (outcome, warnings) = try verification.run(host: host, report: progress.show)
    for warning in warnings { warn(warning) }
    return outcome
  }

  /// Keeps what was asked for of an outcome, once it is printed: a full disk then loses no result.
  func write(_ outcome: ClosedLoop.Outcome?) throws {
    guard let outcome, let writeProfile else { return }
    try OutputFile.write(outcome.profile.fileText(), to: writeProfile)
  }
}
