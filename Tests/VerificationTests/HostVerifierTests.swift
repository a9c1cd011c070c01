import CostModel
import Foundation
import Harness
import Input
import Model
import Numerics
import Search
import TestSupport
import Testing
import Verification

@Suite struct HostVerifierTests {
  private func tiny(_ intermediate: Int, heads: Int = 4, name: String) -> Architecture {
    Architecture(
      name: name, hiddenSize: 64, intermediateSize: intermediate, layers: 2, queryHeads: heads,
      keyValueHeads: 2, headDimension: 16, vocabularySize: 128)
  }

  private func settings() -> HostVerifier.Settings {
    var settings = HostVerifier.Settings(
      workload: ServingWorkload(prompt: 0, generate: 2, depth: 32, batch: 2))
    settings.threads = 1
    settings.pairs = 10
    return settings
  }

  @Test func measurementsAreKeptAndFoundAgain() throws {
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("loop.db").path
      let baseline = tiny(128, name: "base")
      let candidates = [tiny(64, name: "small"), tiny(512, name: "large")]
      let verifier = try HostVerifier(
        baseline: baseline, settings(), store: store, report: { _ in })
      let measured = try verifier.measure(candidates, round: 3)
      try verifier.close()
      #expect(measured.map(\.shape) == candidates.map { Shape($0) })
      for row in measured {
        #expect(row.standardError > 0 && row.standardError.isFinite && row.pairs == 10)
        #expect(row.throughput > 0 && row.seconds > 0 && row.round == 3)
      }
      let again = try HostVerifier(
        baseline: baseline, settings(), store: store, report: { _ in })
      let known = try again.known()
      func sorted(_ rows: [GainMeasurement]) -> [GainMeasurement] {
        rows.sorted { $0.shape.name < $1.shape.name }
      }
      #expect(known.measurements.count == measured.count)
      for (first, second) in zip(sorted(known.measurements), sorted(measured)) {
        #expect(first.shape == second.shape)
        #expect(abs(first.logGain - second.logGain) < 1e-6 && first.round == 3)
      }
      #expect(known.otherBuilds.isEmpty)
      // Another baseline is another question.
      let other = try HostVerifier(
        baseline: tiny(256, name: "base"), settings(), store: store, report: { _ in })
      #expect(try other.known().measurements.isEmpty)
    }
  }

  /// Whatever differs between two baselines, nested fields included, makes another question.
  @Test func questionsHoldTheWholeArchitecture() throws {
    func question(factor: Double) throws -> String {
      var config = tiny(64, name: "base").config
      config["rope_scaling"] = .object([
        "rope_type": .string("llama3"), "factor": .number(factor),
        "low_freq_factor": .integer(1), "high_freq_factor": .integer(4),
        "original_max_position_embeddings": .integer(8192),
      ])
      return RunIdentity(
        baseline: try Architecture(name: "base", config: JSONObject(config)),
        test: ThroughputTest(.decode(1), depth: 0, batch: 1), weights: .bf16, cache: .f16,
        threads: 1, instructionSet: "scalar"
      ).question
    }
    #expect(try question(factor: 2) == question(factor: 2))
    #expect(try question(factor: 2) != question(factor: 4))
  }

  /// Sixteen times the work is not hidden by noise.
  @Test func slowerArchitecturesLookSlower() throws {
    let verifier = try HostVerifier(
      baseline: tiny(64, name: "base"), settings(), store: nil, report: { _ in })
    let row = try verifier.measure([tiny(8192, name: "large")], round: 1)[0]
    #expect(row.logGain < -0.3)
  }

  @Test func groupsKeepToTheMemory() throws {
    var sampling = ThroughputBench.Settings()
    sampling.threads = 1
    sampling.repetitions = 8
    let test = ThroughputTest(.decode(1), depth: 32, batch: 2)
    let candidates = (1...5).map { tiny(512 * $0, name: "c\($0)") }
    /// `nil` where a pair does not fit.
    func groups(_ memoryBytes: Int) throws -> [[Architecture]]? {
      let bench = try PairedBench(test, sampling, memoryBytes: memoryBytes, report: { _ in })
      return try? bench.groups(candidates, against: candidates[0])
    }
    let found = try (10...33).map { try groups(1 << $0) }
    #expect(found.first == .some(nil) && found.last??.count == 1)
    #expect(found.contains { ($0?.count ?? 0) > 1 })
    for group in found.compactMap({ $0 }) { #expect(group.flatMap { $0 } == candidates) }
  }

  @Test func tooFewPairsAreRefused() {
    var settings = settings()
    settings.pairs = 3
    #expect(throws: InputError.self) {
      try HostVerifier(
        baseline: tiny(64, name: "base"), settings, store: nil, report: { _ in })
    }
  }
}
