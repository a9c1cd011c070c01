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

  @Option(help: "Time for the measurements of the loop.")
  var budget = TimeSpan(seconds: 600)

  @Option(help: "Keep every sample in the store FILE; an interrupted loop goes on from there.")
  var store: String?

  @Option(help: "Pairs of each candidate with the baseline in a round.")
  var pairs = 40

  @Option(help: "Most candidates of a round.")
  var perRound = 4

  @Option(help: "Candidates that the loop may choose from.")
  var pool = 64

  @Option(help: "GiB of memory that the models of a round may take.")
  var memory = 8

  @Option(help: .threads)
  var threads: Int?

  @Option(help: "Seed of weights, tokens and the order.")
  var seed: UInt64 = 0

  @Option(help: "Write the host's profile, calibrated by the loop, to FILE.")
  var writeProfile: String?

  /// Fails before the work rather than after it.
  func check(_ problem: SearchProblem) throws {
    for (option, value) in [
      ("--pairs", pairs), ("--per-round", perRound), ("--pool", pool), ("--memory", memory),
    ] { _ = try positive(option, value) }
    if let writeProfile { try requireWritable(writeProfile) }
    guard verify == nil else { return try HostVerification.check(problem) }
    for (option, file) in [("--store", store), ("--write-profile", writeProfile)] where file != nil
    {
      throw InputError(option, problem: "has nothing to hold", expected: "--verify host")
    }
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
      result, budgetSeconds: budget.seconds, store: store, pairs: pairs, perRound: perRound,
      pool: pool, memoryBytes: memory << 30, threads: threads, seed: seed)
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
